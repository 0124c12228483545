"""A bar on the terminal for what may take over two seconds; nothing where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def bar(items: Iterable[Any], what: str, total: int | None = None) -> Iterable[Any]:
    """Pass items on, and show on the standard error how many of them are done.

    Args:
        items: What is done, one after the other.
        what: Beside the bar.
        total: How many there will be, for items that have no length.
    """
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, total=total, console=console, transient=True, disable=not console.is_terminal)
