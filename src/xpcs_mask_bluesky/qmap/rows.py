# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Large maps made in blocks of rows, side by side; smaller ones, and those of an accelerator, at once.

The blocks are copied into an array that numpy allocated. Memory of XLA's own costs more than the numbers
in it if it is a large map's: its pages are small, fresh each time, and the system clears them one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import jax

from xpcs_mask_bluesky.threads import Threads

T = TypeVar("T")

WHOLE = 1 << 24
"""Bytes of a map up to which it is made at once: its memory has been used before."""
BLOCK = 1 << 21
"""Bytes of a block of a larger one."""
MOST_THREADS = 8


@dataclass(frozen=True)
class Rows:
    """A block of rows; all blocks of a map are of one size, so that a kernel is compiled once."""

    computed: slice
    """Of the map: what the kernel computes."""
    wanted: slice
    """Of the map: the last block begins earlier than its rows are wanted."""

    @classmethod
    def all(cls, shape: tuple[int, int]) -> Rows:
        """Return all rows as one block."""
        return cls(slice(0, shape[0]), slice(0, shape[0]))

    @property
    def of_block(self) -> slice:
        """Which rows of the block are wanted."""
        first = self.computed.start
        return slice(self.wanted.start - first, self.wanted.stop - first)


def rows_at_once(shape: tuple[int, int], itemsize: int) -> int:
    """Return the rows of a block of items of so many bytes."""
    size = shape[0] * shape[1] * itemsize
    if size <= WHOLE or jax.default_backend() != "cpu":
        return shape[0]
    threads = _threads()
    return -(-shape[0] // (-(-size // BLOCK // threads) * threads))


def by_rows(work: Callable[[Rows], T], shape: tuple[int, int], itemsize: int) -> list[T]:
    """Do some work for each block of rows, several side by side, and return what it returned, in order."""
    size = rows_at_once(shape, itemsize)
    blocks: list[Rows] = []
    for start in range(0, shape[0], size):
        first = min(start, shape[0] - size)
        blocks.append(Rows(slice(first, first + size), slice(start, first + size)))
    if len(blocks) == 1:
        return [work(blocks[0])]
    with Threads(_threads()) as pool:
        return list(pool.map(work, blocks))


def _threads() -> int:
    return min(MOST_THREADS, os.cpu_count() or 1)
