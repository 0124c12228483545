"""The most recent results of a function of hashable arguments, of bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import update_wrapper
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Recent(Generic[P, T]):
    """A function that remembers what it last returned.

    Unlike ``functools.lru_cache`` it lets the oldest result go *before* it computes a new one, so that at
    no time more than ``kept`` are in memory, and only one is computed at a time.

    Args:
        function: Whose results are kept.
        kept: How many.
    """

    def __init__(self, function: Callable[P, T], kept: int) -> None:
        self._function, self._most = function, kept
        self._results: dict[Hashable, T] = {}
        self._lock = threading.Lock()
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returned for these arguments, or returns now."""
        key = args, tuple(sorted(kwargs.items()))
        with self._lock:
            if key in self._results:
                result = self._results.pop(key)
            else:
                while len(self._results) >= self._most:
                    self._results.pop(next(iter(self._results)))
                result = self._function(*args, **kwargs)
            self._results[key] = result
            return result

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._results.clear()


def recent(kept: int) -> Callable[[Callable[P, T]], Recent[P, T]]:
    """Return a decorator that makes a function remember its ``kept`` most recent results."""
    return lambda function: Recent(function, kept)
