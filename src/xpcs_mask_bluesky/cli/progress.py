"""A bar on the terminal for what may take over two seconds; nothing where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def bar(items: Iterable[Any], what: str) -> Iterable[Any]:
    """Pass items on, and show on the standard error how many of them are done."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)
