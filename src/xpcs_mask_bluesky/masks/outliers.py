# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Pixels that stand out among those of their ring of q, or of their box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks.context import Bits, Context
    from xpcs_mask_bluesky.masks.values import Outliers

DEVIATIONS = 1.4826022185056018
"""Standard deviations of a normal distribution in its median absolute deviation."""


def outliers(operation: Outliers, good: Bits, context: Context) -> Bits:
    """Return the outliers among the pixels of ``good``, ``(rows, columns)``.

    Raises:
        ValueError: If there is no image, or no Q-map for rings of q.
    """
    image = context.image_of(operation)
    values = image.ravel()
    where = np.flatnonzero(good & np.isfinite(image) if image.dtype.kind == "f" else good)
    labels = _rings(operation, where, context) if operation.by == "q" else _boxes(operation, where, context)
    order = np.argsort(labels, kind="stable")  # by counting: the labels are small integers
    where, labels = where[order], labels[order]
    values = values[where].astype(float)
    found = np.zeros(good.size, bool)
    ends = np.flatnonzero(np.diff(labels, append=-1)) + 1
    for start, stop in zip((0, *ends[:-1]), ends, strict=True):
        found[where[start:stop]] = stands_out(values[start:stop], operation)
    return found.reshape(good.shape)


def stands_out(values: np.ndarray, operation: Outliers) -> np.ndarray:
    """Return which values of one region are outliers; none where there is no spread."""
    if operation.method == "mad":
        middle = np.median(values)
        deviation = np.abs(values - middle)
        spread = DEVIATIONS * np.median(deviation)
    else:
        low, high = np.percentile(values, operation.percentiles)
        clipped = values[(values >= low) & (values <= high)] if low < high else values
        middle, spread = clipped.mean(), clipped.std()
        deviation = np.abs(values - middle)
    if spread <= 1e-16:
        return np.zeros(values.shape, bool)
    return deviation >= operation.cutoff * spread


def _rings(operation: Outliers, where: np.ndarray, context: Context) -> np.ndarray:
    """Return the ring of each pixel; those of no q (NaN) are a ring of their own."""
    q = context.axis("q", operation).ravel()[where]
    ring = np.full(q.shape, operation.rings, np.min_scalar_type(operation.rings))
    known = np.isfinite(q)
    if known.any():
        low, high = float(q[known].min()), float(q[known].max())
        width = (high - low) / operation.rings or 1.0
        ring[known] = np.minimum((q[known] - low) / width, operation.rings - 1).astype(ring.dtype)
    return ring


def _boxes(operation: Outliers, where: np.ndarray, context: Context) -> np.ndarray:
    row, column = np.divmod(where, context.shape[1])
    across = -(-context.shape[1] // operation.box)
    down = -(-context.shape[0] // operation.box)
    return (row // operation.box * across + column // operation.box).astype(np.min_scalar_type(across * down))
