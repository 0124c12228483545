# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Large maps made in blocks of rows, side by side; smaller ones, and those of an accelerator, at once.

The blocks are copied into an array that numpy allocated. Memory of XLA's own costs more than the numbers
in it if it is a large map's: its pages are small, fresh each time, and the system clears them one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import jax
import numpy as np

from xpcs_mask_bluesky.threads import Threads, threads_at_most

if TYPE_CHECKING:
    from numpy.typing import NDArray


T = TypeVar("T")
Item = TypeVar("Item", bound=np.generic)

WIDE: dict[str, bool | int | str] = {"xla_cpu_prefer_vector_width": 512}
"""For the compiler: use vectors as wide as the processor has. Its own choice, half of that, takes 1.4 times
as long; a processor without such vectors is not asked to have them."""

WHOLE = 1 << 24
"""Bytes of a map up to which it is made at once: its memory has been used before."""
BLOCK = 1 << 21
"""Bytes of a block of a larger one."""
REUSED = (32 << 20) - (64 << 10)
"""Bytes of the largest block of which glibc's ``malloc`` ever learns that its like will be wanted again."""
MOST_THREADS = 8
ALIGNED = 64
"""To how many bytes XLA aligns an array, and takes as it is one of numpy's that happens to be."""


@dataclass(frozen=True)
class Rows:
    """A block of rows; all blocks of a map are of one size, so that a kernel is compiled once."""

    computed: slice
    """Of the map: what the kernel computes."""
    wanted: slice
    """Of the map: the last block begins earlier than its rows are wanted."""

    @classmethod
    def beginning(cls, start: int, rows: int, size: int) -> Rows:
        """Return the block of ``size`` that begins with one of a map's ``rows``."""
        first = min(start, rows - size)
        return cls(slice(first, first + size), slice(start, first + size))

    @property
    def of_block(self) -> slice:
        """Which rows of the block are wanted."""
        first = self.computed.start
        return slice(self.wanted.start - first, self.wanted.stop - first)


def rows_at_once(
    shape: tuple[int, int], itemsize: int, *, whole: int | None = None, block: int | None = None
) -> int:
    """Return the rows of a block of items of so many bytes.

    Args:
        shape: Of the map.
        itemsize: In bytes.
        whole: Bytes of a map that is not divided, instead of ``WHOLE``.
        block: Bytes of a block of a larger one, at most, instead of ``BLOCK``.
    """
    size = shape[0] * shape[1] * itemsize
    if size <= (whole or WHOLE) or jax.default_backend() != "cpu":
        return shape[0]
    threads = _threads()
    return -(-shape[0] // (-(-size // (block or BLOCK) // threads) * threads))


def by_rows(work: Callable[[Rows], T], shape: tuple[int, int], size: int) -> list[T]:
    """Do some work for each block of ``size`` rows, several side by side, and return what each returned."""
    blocks = [Rows.beginning(start, shape[0], size) for start in range(0, shape[0], size)]
    if len(blocks) == 1:
        return [work(blocks[0])]
    with Threads(_threads()) as pool:
        return list(pool.map(work, blocks))


def keep_freed_memory() -> None:
    """Let ``malloc`` keep what XLA gives back, so that the system need not clear it for each block anew.

    glibc learns from the largest block that was freed: what is no larger then comes from the heap, and the
    heap's end stays while less than twice as much is free. This allocates such a block, untouched, and
    frees it; where memory is had in another way, or the user has set the limits, nothing happens.
    """
    np.empty(REUSED, np.uint8)


def aligned_empty(shape: tuple[int, int], dtype: np.dtype[Item]) -> NDArray[Item]:
    """Return an array that XLA reads where it is, without a copy of its own."""
    raw = np.empty(shape[0] * shape[1] * dtype.itemsize + ALIGNED, np.uint8)
    first = -raw.ctypes.data % ALIGNED
    return raw[first : len(raw) - ALIGNED + first].view(dtype).reshape(shape)


def _threads() -> int:
    return threads_at_most(MOST_THREADS)
