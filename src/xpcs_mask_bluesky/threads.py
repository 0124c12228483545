"""Threads for parts of one piece of work: how many, and also while the process ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Threads(ThreadPoolExecutor):
    """Python's own, but where no thread can be had any more, the one that asks does the work.

    What a run left is delivered when the process ends, and by then Python starts no threads.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin to call ``fn`` and return its future; it may be done already."""
        try:
            return super().submit(fn, *args, **kwargs)
        except RuntimeError:
            return _done(fn, *args, **kwargs)


def _done(fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(fn(*args, **kwargs))
    except Exception as error:  # noqa: BLE001  whoever asks for the result gets it
        future.set_exception(error)
    return future


def threads_at_most(most: int) -> int:
    """Return the threads for work that gains nothing from more than ``most``.

    ``NPROC`` in the environment limits them, as it limits those of XLA: with ``NPROC=1`` a process keeps to
    one core, and several of them side by side do not get into each other's way.
    """
    told = os.environ.get("NPROC", "")
    return min(most, int(told) if told.isdecimal() and int(told) else os.cpu_count() or 1)
