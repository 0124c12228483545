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

    Unlike ``functools.lru_cache`` it lets the oldest results go *before* it computes a new one, so that at
    no time more than was promised is in memory, and only one is computed at a time.

    Args:
        function: Whose results are kept.
        kept: How many, at most.
        most_bytes: What they take together, at most; a single result may take more.
        size: Told from the arguments: how many bytes their result will take.
    """

    def __init__(
        self, function: Callable[P, T], *, kept: int, most_bytes: float, size: Callable[P, float]
    ) -> None:
        self._function, self._size = function, size
        self._kept, self._most_bytes = kept, most_bytes
        self._results: dict[Hashable, tuple[T, float]] = {}
        self._lock = threading.Lock()
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returned for these arguments, or returns now."""
        key = args, tuple(sorted(kwargs.items()))
        with self._lock:
            if key in self._results:
                result, size = self._results.pop(key)
            else:
                size = self._size(*args, **kwargs)
                self._make_room(size)
                result = self._function(*args, **kwargs)
            self._results[key] = result, size if result is not None else 0.0
            return result

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._results.clear()

    def _make_room(self, size: float) -> None:
        while self._results and (len(self._results) >= self._kept or self._bytes + size > self._most_bytes):
            self._results.pop(next(iter(self._results)))

    @property
    def _bytes(self) -> float:
        return sum(size for _, size in self._results.values())


def recent(
    kept: int, most_bytes: float, size: Callable[P, float]
) -> Callable[[Callable[P, T]], Recent[P, T]]:
    """Return a decorator that makes a function remember its most recent results (see :class:`Recent`)."""
    return lambda function: Recent(function, kept=kept, most_bytes=most_bytes, size=size)
