"""What an image looks like ring by ring: means, and the scatter of pixels about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OUTLIER = 6.0
"""Standard deviations from its annulus' mean beyond which a pixel is left out: a hot or a shaded one."""
PASSES = 4


@dataclass(frozen=True)
class Annuli:
    """Statistics of bins of equal width in q."""

    index: np.ndarray
    """Bin of each pixel."""
    mean: np.ndarray
    variance: np.ndarray
    """Of a single pixel, in each bin: whatever its noise is."""
    used: np.ndarray
    """Boolean, per pixel: no outlier, and in a bin that has a variance."""


def annuli(q: np.ndarray, values: np.ndarray, width: float) -> Annuli:
    """Return the statistics of pixels ``values`` at ``q`` in bins of ``width``, outliers left out.

    The variance is measured, so that photons, means of frames, speckle and dark noise are all
    weighted rightly, and so that what has no circular symmetry weighs little.
    """
    index = ((q - q.min()) / width).astype(np.intp)
    bins = int(index.max()) + 1
    used = np.ones(q.shape, dtype=bool)
    mean = variance = np.zeros(bins)
    for _ in range(PASSES):
        number = np.bincount(index[used], minlength=bins)
        divisor = np.maximum(number, 1)
        mean = np.bincount(index[used], values[used], minlength=bins) / divisor
        residual = values - mean[index]
        squares = np.bincount(index[used], residual[used] ** 2, minlength=bins)
        variance = np.where(number > 3, squares / np.maximum(number - 1, 1), 0.0)
        used = (variance[index] > 0) & (residual**2 <= OUTLIER**2 * variance[index])
    return Annuli(index, mean, variance, used)


def explained(q: np.ndarray, values: np.ndarray, width: float) -> float:
    """Return the part of the values' sum of squares about their mean that rings of ``width`` explain."""
    index = ((q - q.min()) / width).astype(np.intp)
    number = np.bincount(index)
    total = np.bincount(index, values - values.mean())
    return float(np.sum(total**2 / np.maximum(number, 1)))
