# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The least and the largest value that a mask's pixels have on q or phi, without the whole Q-map.

The detector is divided into tiles. From the value at its middle and the steepest slope possible follows
what a tile can hold at most; tiles are looked into in this order, until no other can hold more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import label_angle
from xpcs_mask_bluesky.partitions.near import phi_at, q_at
from xpcs_mask_bluesky.partitions.sight import Sight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    Floats = NDArray[np.float64]
    Pixels = NDArray[np.intp]

SIDE = 16
"""Of a tile, in px."""
AT_FIRST = 8
"""Tiles that are looked into at once for each end; then twice as many, and so on."""
SLACK = 1e-9
"""Added to each bound, of its size: much more than double precision leaves open."""
MOST = 32
"""If one tile in so many does not suffice, the whole map is quicker."""


@dataclass(frozen=True)
class Between:
    """A number of which two bounds are known."""

    low: float
    high: float


def extremes(
    record: GeometryRecord, axis: str, mask: NDArray[np.bool_], *, offset: float, fold: int
) -> tuple[Between, Between] | None:
    """Return the least and the largest value of a mask's pixels, as the Q-map has them.

    Args:
        record: The geometry.
        axis: ``q`` or ``phi``.
        mask: ``(rows, columns)``, True = counted.
        offset: Of phi, in degrees.
        fold: Of phi.

    Returns:
        None for another axis, a geometry that the formulas here do not know, no pixel, a pixel whose
        value double precision does not tell, or a mask that leaves too much to look through.
    """
    sight = Sight.of(record) if axis in ("q", "phi") else None
    if sight is None:
        return None
    turned = (offset, fold) if axis == "phi" else None
    return _Tiles(sight, mask, turned).ends()


class _Tiles:
    """The tiles of a detector, and what each can hold: of q, or if ``turned`` of the angle that labels."""

    def __init__(self, sight: Sight, mask: NDArray[np.bool_], turned: tuple[float, int] | None) -> None:
        self._sight, self._mask, self._turned = sight, mask, turned
        rows, columns = (np.arange(0, length, SIDE) for length in sight.shape)
        self._row, self._column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
        middle = self._flat(self._row + SIDE // 2, self._column + SIDE // 2)
        reach = SIDE / 2 * np.hypot(sight.geometry.x_pixel_size, sight.geometry.y_pixel_size) * (1 + SLACK)
        if turned is None:
            values, _ = q_at(sight, middle)
            slope = sight.geometry.wavenumber / sight.geometry.distance
            self._low, self._high = values - slope * reach, values + slope * reach
        else:
            self._low, self._high = self._angles(middle, reach, turned)
        self._low -= SLACK * np.abs(self._low)
        self._high += SLACK * np.abs(self._high)

    def _angles(self, middle: Pixels, reach: float, turned: tuple[float, int]) -> tuple[Floats, Floats]:
        x, y, _ = self._sight.at(middle)
        r = np.maximum(np.hypot(x, y), reach)
        width = np.degrees(np.arcsin(reach / r)) + SLACK
        angle = label_angle(-np.degrees(np.arctan2(y, x)), *turned)
        begin = -180.0 if turned[1] == 1 else 0.0
        end = begin + 360.0 / turned[1]
        low, high = angle - width, angle + width
        around = (low < begin) | (high > end) | (width >= 90)
        return np.where(around, begin, low), np.where(around, end, high)

    def ends(self) -> tuple[Between, Between] | None:
        """Return the least and the largest value of the pixels that count; None if it cannot be told."""
        least, largest = Between(np.inf, np.inf), Between(-np.inf, -np.inf)
        left, number = 2 * max(AT_FIRST, len(self._low) // MOST), AT_FIRST
        while len(tiles := self._promising(least.high, largest.low, number)):
            bounds = self._within(tiles)
            if left < 0 or bounds is None:
                return None
            low, high = bounds
            if len(low):
                least = Between(min(least.low, low.min()), min(least.high, high.min()))
                largest = Between(max(largest.low, low.max()), max(largest.high, high.max()))
            left, number = left - len(tiles), 2 * number
        return (least, largest) if np.isfinite(least.high) else None

    def _promising(self, least: float, largest: float, number: int) -> Pixels:
        """Return some tiles that may hold less or more than what was found, and ask for them no more."""
        lower, higher = np.flatnonzero(self._low <= least), np.flatnonzero(self._high >= largest)
        if len(lower) > number:
            lower = lower[np.argpartition(self._low[lower], number)[:number]]
        if len(higher) > number:
            higher = higher[np.argpartition(-self._high[higher], number)[:number]]
        tiles = np.union1d(lower, higher)
        self._low[tiles], self._high[tiles] = np.nan, np.nan
        return tiles

    def _within(self, tiles: Pixels) -> tuple[Floats, Floats] | None:
        """Return two bounds of the value of each pixel that counts; None if they do not tell one."""
        inside = np.arange(SIDE)
        pixels = self._flat(
            self._row[tiles][:, None, None] + inside[:, None], self._column[tiles][:, None, None] + inside
        )
        low, high = self._values(pixels[self._mask.ravel()[pixels]])
        return None if np.isnan(low).any() else (low, high)

    def _values(self, pixels: Pixels) -> tuple[Floats, Floats]:
        """Return two bounds of the Q-map's value of each pixel, NaN where they say nothing."""
        if self._turned is None:
            value, error = q_at(self._sight, pixels)
            return value - error, value + error
        value, error = phi_at(self._sight, pixels)
        low, high = (label_angle(each, *self._turned) for each in (value - error, value + error))
        # an angle that may lie on either side of where it starts anew
        torn = (np.abs(high - low) > 8 * error + SLACK) | ((error > 0) & (np.abs(value) + error > 180))
        return np.where(torn | np.isnan(error), np.nan, np.minimum(low, high)), np.maximum(low, high)

    def _flat(self, rows: Pixels, columns: Pixels) -> Pixels:
        """Return the flat index of pixels; those beyond the last row or column are of these."""
        last_row, last_column = (length - 1 for length in self._sight.shape)
        rows, columns = np.minimum(rows, last_row), np.minimum(columns, last_column)
        return (rows * self._sight.shape[1] + columns).ravel()
