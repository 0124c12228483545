"""Which bin a value falls into, exactly by the stored edges; and what is known of each bin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-12
"""A value less than this part of the axis' range below an edge counts as on it."""


def bin_index(values: NDArray[np.float64], edges: tuple[float, ...]) -> NDArray[np.int32]:
    """Return the 0-based bin of each value, -1 for a value in none (NaN included).

    Bins are half-open ``[e_i, e_i+1)``, the last one closed, and every edge reaches down by
    ``TOLERANCE`` of the range; the last edge admits the same above.
    """
    lower, top = thresholds(edges)
    found = np.searchsorted(lower, values, side="right").astype(np.int32) - np.int32(1)
    last = len(edges) - 2
    found[found > last] = last
    found[~((values >= lower[0]) & (values <= top))] = -1
    return found


def thresholds(edges: tuple[float, ...]) -> tuple[NDArray[np.float64], float]:
    """Return from which value on each edge is reached, and the largest value of the last bin."""
    bounds = np.asarray(edges, dtype=np.float64)
    reach = TOLERANCE * (bounds[-1] - bounds[0])
    # "Strictly less than `reach` below" as a closed bound: the next float above e - reach, or e itself.
    lower = np.minimum(bounds, np.nextafter(bounds - reach, np.inf))
    return lower, max(float(bounds[-1]), float(np.nextafter(bounds[-1] + reach, -np.inf)))


def parents(fine: tuple[float, ...], coarse: tuple[float, ...]) -> NDArray[np.int32]:
    """Return the dynamic bin of each static bin; exact, since the fine edges contain the coarse."""
    starts = np.asarray(fine[:-1], dtype=np.float64)
    return (np.searchsorted(np.asarray(coarse), starts, side="right") - 1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Bins:
    """What is known of the dynamic or of the static bins. All arrays are read-only."""

    num_pts: tuple[int, int]
    """Nominal number of bins along each axis, empty ones included."""
    edges: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Along each axis, in the labelling coordinate; of several groups one after another."""
    intervals: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Lower and upper edge of each bin along each axis, ``(bins, 2)``."""
    centers: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Nominal centres along each axis, in the axis' unit, empty bins included."""
    index_mapping: NDArray[np.integer]
    """Natural 0-based index of label k + 1; the second axis runs fastest."""
    counts: NDArray[np.int64]
    """Pixels of each label, from label 1."""
    _means: Callable[[], tuple[NDArray[np.float64], NDArray[np.float64]]] = field(repr=False)
    _solid_angles: Callable[[], NDArray[np.float64]] = field(repr=False)

    @cached_property
    def means(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over each label's pixels along each axis; circular in its fold for phi."""
        return self._means()

    @cached_property
    def solid_angles(self) -> NDArray[np.float64]:
        """Solid angle of each label's pixels together, in sr, seen from the sample."""
        return self._solid_angles()


def smallest_unsigned(largest: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned integer type that holds ``largest``."""
    return np.min_scalar_type(largest)
