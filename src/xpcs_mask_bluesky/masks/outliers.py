# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Pixels that stand out among those of their ring of q, or of their box.

Regions are rows of an array, with infinity where a pixel is not looked at: sorting puts these last, and
numpy sorts many rows much faster than it finds the median of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks.context import Bits, Context
    from xpcs_mask_bluesky.masks.values import Outliers

DEVIATIONS = 1.4826022185056018
"""Standard deviations of a normal distribution in its median absolute deviation."""
ROUNDING = 1e-12
"""A spread of less than this part of the middle is that of rounding."""


def outliers(operation: Outliers, good: Bits, context: Context) -> Bits:
    """Return the outliers among the pixels of ``good``, ``(rows, columns)``.

    Raises:
        ValueError: If there is no image, or no Q-map for rings of q.
    """
    image = context.image_of(operation)
    values = image if image.dtype.char in "fd" else image.astype(float)
    looked_at = good & np.isfinite(values)
    if operation.by == "q":
        q = context.axis("q", operation)
        return _in_rings(operation, values, looked_at & np.isfinite(q), q)
    return _in_boxes(operation, values, looked_at)


def stands_out(operation: Outliers, regions: np.ndarray) -> Bits:
    """Return which values are outliers in their row; none in a row without spread.

    Args:
        operation: Says how to find them.
        regions: Floats ``(regions, pixels)``, infinity where there is no pixel.
    """
    ordered = np.sort(regions, axis=1)
    number = np.count_nonzero(np.isfinite(regions), axis=1)
    with np.errstate(invalid="ignore"):  # a row without a pixel has no middle
        if operation.method == "mad":
            middle = _quantile(ordered, number, 0.5)
            deviation = np.abs(regions - middle[:, None])
            spread = DEVIATIONS * _quantile(np.sort(deviation, axis=1), number, 0.5)
        else:
            low, high = (_quantile(ordered, number, each / 100) for each in operation.percentiles)
            middle, spread = _clipped_mean(ordered, low, high)
            deviation = np.abs(regions - middle[:, None])
        limit = np.where(spread > ROUNDING * np.abs(middle), operation.cutoff * spread, np.inf)
        return (deviation >= limit[:, None]) & (regions < np.inf)


def _quantile(ordered: np.ndarray, number: np.ndarray, fraction: float) -> np.ndarray:
    """Return a quantile of the first ``number`` values of each row, linear between two of them."""
    position = fraction * np.maximum(number - 1, 0)
    below = np.floor(position).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(number - 1, 0))
    rows = np.arange(len(ordered))
    low, high = ordered[rows, below].astype(float), ordered[rows, above].astype(float)
    return low + (high - low) * (position - below)


def _clipped_mean(ordered: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the values from ``low`` to ``high`` in each row."""
    high = np.where(low < high, high, np.finfo(ordered.dtype).max)
    within = (ordered >= low[:, None]) & (ordered <= high[:, None])
    number = np.maximum(np.count_nonzero(within, axis=1), 1)
    mean = np.sum(ordered, axis=1, where=within, dtype=float) / number
    off = np.where(within, ordered - mean[:, None], 0.0)
    return mean, np.sqrt(np.einsum("ij,ij->i", off, off) / number)


def _in_rings(operation: Outliers, values: np.ndarray, looked_at: Bits, q: np.ndarray) -> Bits:
    found = np.zeros(values.size, bool)
    if not looked_at.any():
        return found.reshape(values.shape)
    ring = _rings(operation.rings, looked_at, q)
    order = np.argsort(ring, kind="stable")  # by counting: the rings are small integers
    values = values.ravel()[order]
    start = 0
    for number in np.bincount(ring)[: operation.rings]:
        part = slice(start, start := start + int(number))
        if number:
            found[order[part]] = stands_out(operation, values[None, part])[0]
    return found.reshape(looked_at.shape)


def _rings(number: int, looked_at: Bits, q: np.ndarray) -> np.ndarray:
    """Return the ring of each pixel, 0 … number - 1, and ``number`` where it is not looked at; flat."""
    low = float(np.min(q, initial=np.inf, where=looked_at))
    high = float(np.max(q, initial=-np.inf, where=looked_at))
    ring = np.full(q.shape, number, np.min_scalar_type(number))
    per_q = number / (high - low) if high > low else 0.0
    for row, there in enumerate(looked_at):
        of_row = np.minimum((q[row] - low) * per_q, number - 1)
        np.copyto(ring[row], of_row, where=there, casting="unsafe")
    return ring.ravel()


def _in_boxes(operation: Outliers, values: np.ndarray, looked_at: Bits) -> Bits:
    found = np.zeros(values.shape, bool)
    for rows, boxes in _bands(operation.box, values, looked_at):
        outlying = stands_out(operation, boxes)
        side, across = operation.box, len(boxes)
        band = outlying.reshape(across, side, side).swapaxes(0, 1).reshape(side, across * side)
        found[rows] = band[: found[rows].shape[0], : values.shape[1]]
    return found


def _bands(side: int, values: np.ndarray, looked_at: Bits) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows of the detector, and the boxes in them as ``(boxes, side * side)``."""
    across = -(-values.shape[1] // side)
    for first in range(0, values.shape[0], side):
        rows = slice(first, min(first + side, values.shape[0]))
        band = np.full((side, across * side), np.inf, values.dtype)
        part = band[: rows.stop - first, : values.shape[1]]
        np.copyto(part, values[rows], where=looked_at[rows])
        yield rows, band.reshape(side, across, side).swapaxes(0, 1).reshape(across, side * side)
