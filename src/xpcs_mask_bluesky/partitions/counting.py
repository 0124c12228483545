# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""How many pixels each natural bin holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.threads import Threads, threads_at_most

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Block = NDArray[np.unsignedinteger]

AT_ONCE = 1 << 16
"""Pixels of a block, which stays in the cache."""
FEW = 1 << 18
"""Pixels up to which one thread has counted before another is there."""
THREADS = 2
FEW_CHANGED = 8
"""If less than one pixel in so many came or went, only these are counted."""


class Counted:
    """A map of natural indices, and how many pixels of each a mask leaves.

    The counts under the last mask are kept: of a mask that differs little only the difference is counted.

    Args:
        labels: Natural index + 1 of each pixel, 0 for none, ``(rows, columns)``, read-only.
        size: One more than the largest number that may occur.
    """

    def __init__(self, labels: Block, size: int) -> None:
        self.labels, self._size = labels, size
        self._last: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None
        """Eight pixels of the mask a byte, and the counts under it."""

    def under(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the pixels of each number from 1 on that the mask counts."""
        packed, last = np.packbits(mask), self._last
        changed = None if last is None else _changed(packed, last[0], mask.size // FEW_CHANGED)
        if last is None or changed is None:
            counts = label_counts(self.labels, mask, self._size)[1:]
        else:
            came = mask.ravel()[changed]
            labels = self.labels.ravel()[changed]
            more, less = (np.bincount(labels[each], minlength=self._size)[1:] for each in (came, ~came))
            counts = last[1] + more - less
        self._last = packed, counts
        return counts


def _changed(now: NDArray[np.uint8], then: NDArray[np.uint8], most: int) -> NDArray[np.intp] | None:
    """Return the flat indices of the pixels in which two packed masks differ; None if more than ``most``."""
    differing = now ^ then
    (bytes_,) = np.nonzero(differing)
    if 8 * len(bytes_) > most:
        return None
    byte, bit = np.nonzero(np.unpackbits(differing[bytes_, None], axis=1))
    return 8 * bytes_[byte] + bit


def label_counts(labels: Block, mask: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    """Return the number of pixels of each label 0 … ``size`` - 1; one that the mask rejects counts as 0."""
    flat, counted = labels.ravel(), mask.ravel()
    threads = threads_at_most(THREADS) if len(flat) > FEW else 1
    ends = np.linspace(0, len(flat), threads + 1).astype(int).tolist()

    def counts(start: int, end: int) -> NDArray[np.int64]:
        return _counts(flat[start:end], counted[start:end], size)

    if threads == 1:
        return counts(*ends)
    with Threads(threads) as pool:
        return sum(pool.map(counts, ends[:-1], ends[1:]), start=np.zeros(size, dtype=np.int64))


def _counts(flat: Block, mask: NDArray[np.bool_], size: int) -> NDArray[np.int64]:
    total = np.zeros(size, dtype=np.int64)
    for start in range(0, len(flat), AT_ONCE):
        block, counted = flat[start : start + AT_ONCE], mask[start : start + AT_ONCE]
        total += np.bincount(block if counted.all() else block * counted, minlength=size)
    return total
