"""The end of the process, also where ``atexit`` is not called."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable
from multiprocessing.util import Finalize


def at_process_end(method: Callable[[], None]) -> None:
    """Call a method, held weakly, when the process ends: also a worker of the queue server.

    It may be called twice.
    """
    ending = weakref.WeakMethod(method)

    def end() -> None:
        if (still := ending()) is not None:
            still()

    atexit.register(end)
    Finalize(None, end, exitpriority=1)  # a child of multiprocessing leaves without atexit
