"""Edges as equal steps of a line: where a value lies among them without a search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.partitions.bins import thresholds

SINGLE = float(np.finfo(np.float32).eps) / 2
DOUBLE = float(np.finfo(np.float64).eps) / 2
MOST_MARGIN = 0.005
"""In bins: if single precision leaves more open than this on both sides, it is not worth it."""


@dataclass(frozen=True)
class EqualBins:
    """Bins between ``start + i / scale`` in the value, or in its logarithm."""

    start: float
    scale: float
    """Bins in a unit of the value, or of its logarithm."""
    bins: int
    off: float
    """How far the thresholds are from there, at most, in bins."""
    log: bool

    @property
    def reach(self) -> float:
        """The largest position that occurs inside, in bins counted from the value 0."""
        return abs(self.start) * self.scale + self.bins + 1

    def margin(self, *, relative: float, absolute: float) -> float:
        """Return how near to a threshold nothing is decided, in bins.

        Args:
            relative: Bound of the value's error in units of itself.
            absolute: Bound of a further error, in the value's unit; of the least edge's size if ``log``.
        """
        # of a logarithm, a relative error is an absolute one, beside that of the function itself
        value = relative * self.scale if self.log else relative * self.reach
        function = 8 * SINGLE * self.reach if self.log else 0.0
        # scaled, shifted and compared in single precision
        rounding = 4 * SINGLE * self.reach + 2 * SINGLE
        return value + function + rounding + absolute * self.scale + self.off


def equal_bins(edges: tuple[float, ...], *, log: bool = False) -> EqualBins | None:
    """Return the edges as equal steps, or None if they are not."""
    reached, top = thresholds(edges)
    reached[-1] = top
    if log:
        if reached[0] <= 0:
            return None
        reached = np.log(reached)
    start, span = float(reached[0]), float(reached[-1] - reached[0])
    bins = len(edges) - 1
    scale = bins / span
    if not math.isfinite(scale):
        return None
    off = float(np.abs((reached - start) * scale - np.arange(bins + 1)).max())
    rounding = 8 * DOUBLE * (abs(start) * scale + bins)
    return EqualBins(start, scale, bins, off + rounding, log)
