"""How many threads a piece of work may take."""

from __future__ import annotations

import os


def threads_at_most(most: int) -> int:
    """Return the threads for work that gains nothing from more than ``most``.

    ``NPROC`` in the environment limits them, as it limits those of XLA: with ``NPROC=1`` a process keeps to
    one core, and several of them side by side do not get into each other's way.
    """
    told = os.environ.get("NPROC", "")
    return min(most, int(told) if told.isdecimal() and int(told) else os.cpu_count() or 1)
