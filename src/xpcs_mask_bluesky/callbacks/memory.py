"""Give memory back that was freed, so that a profile that follows a detector for weeks does not swell.

A publication frees maps of many megabytes in several threads. glibc keeps what was freed for the next time,
in a heap for each thread: with a detector of 4M pixels a process grew to twice what it needs.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Let the system have what this process has freed; where the C library is not glibc, nothing happens."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library, or Windows
        return None
