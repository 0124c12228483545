"""Correlate frames within the bins of a partition: a short symmetric multi-tau.

Facilities have faster ones (boost_corr, scikit-beam); this one is small enough to read. As they do, it
averages the products and both normalisations over the pixels of a static bin, divides, and then averages
over the static bins of a dynamic one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array


@dataclass(frozen=True)
class Correlation:
    """g2 of each dynamic bin."""

    delays: np.ndarray
    """Delays in frames, float (delays,): whole, but for the averages of the upper levels."""
    g2: np.ndarray
    """Without a unit, (delays, dynamic labels); column k is label k + 1."""
    error: np.ndarray
    """Standard error of ``g2`` from the scatter of its static bins; NaN where there is only one."""


def correlate(
    frames: np.ndarray,
    dynamic_roi_map: np.ndarray,
    static_roi_map: np.ndarray,
    *,
    channels: int = 16,
    fewest_pairs: int = 4,
) -> Correlation:
    r"""Return :math:`g_2 = \langle I(t)I(t+\tau)\rangle / \langle I\rangle_{early}\langle I\rangle_{late}`.

    Args:
        frames: Counts (frames, rows, columns), evenly spaced in time.
        dynamic_roi_map: Labels from 1 (rows, columns), 0 = not counted.
        static_roi_map: The same, each label within one dynamic label.
        channels: Delays of the first level; each further level adds half as many of twice the spacing.
        fewest_pairs: A delay with fewer pairs of frames than this is left out.
    """
    if frames.shape[1:] != dynamic_roi_map.shape:
        raise ValueError(f"frames are {frames.shape[1:]}, the partition {dynamic_roi_map.shape}")
    counted = dynamic_roi_map > 0
    labels = static_roi_map[counted]
    average = _averaging(labels)
    series = np.ascontiguousarray(frames[:, counted], dtype=np.float32)
    delays, static_g2 = [], []
    for level, scaled in enumerate(_levels(series)):
        for lag in _lags(level, channels):
            if len(scaled) - lag >= fewest_pairs:
                delays.append(lag * 2**level)
                static_g2.append(_normalised(scaled, lag, average))
    dynamic_of = _owner(labels, dynamic_roi_map[counted])
    g2, error = _mean_over_static(np.array(static_g2), dynamic_of)
    return Correlation(delays=np.array(delays, dtype=float), g2=g2, error=error)


def _levels(series: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the series, then the means of its pairs, then the means of pairs of those, while two are left."""
    while len(series) > 1:
        yield series
        even = len(series) // 2 * 2
        series = 0.5 * (series[0:even:2] + series[1:even:2])


def _lags(level: int, channels: int) -> range:
    """Return the lags of a level in its own spacing; an upper level does not repeat the one below."""
    return range(1, channels) if level == 0 else range(channels // 2, channels)


def _averaging(labels: np.ndarray) -> csr_array:
    """Return the matrix (labels, pixels) that averages over the pixels of each label."""
    counts = np.bincount(labels)[1:]
    rows = labels.astype(np.int64) - 1
    return csr_array((1 / counts[rows], (rows, np.arange(labels.size))), shape=(counts.size, labels.size))


def _normalised(series: np.ndarray, lag: int, average: csr_array) -> np.ndarray:
    """Return g2 of each static bin at one lag, normalised by the early and by the late frames."""
    early, late = series[:-lag], series[lag:]
    products = np.einsum("tp,tp->p", early, late) / len(early)
    before = average @ early.mean(axis=0, dtype=np.float64)
    after = average @ late.mean(axis=0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # a bin without a photon has no g2
        return (average @ products.astype(np.float64)) / (before * after)


def _owner(static: np.ndarray, dynamic: np.ndarray) -> np.ndarray:
    """Return the dynamic label of each static one, (static labels,)."""
    owner = np.zeros(int(static.max()), dtype=np.int64)
    owner[static.astype(np.int64) - 1] = dynamic
    return owner


def _mean_over_static(static_g2: np.ndarray, dynamic_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error of g2 over the static bins of each dynamic one."""
    labels = int(dynamic_of.max())
    mean = np.full((len(static_g2), labels), np.nan)
    error = mean.copy()
    for label in range(1, labels + 1):
        of_label = static_g2[:, dynamic_of == label]
        lit = of_label[:, np.isfinite(of_label).all(axis=0)]
        if lit.shape[1]:
            mean[:, label - 1] = lit.mean(axis=1)
        if lit.shape[1] > 1:
            error[:, label - 1] = lit.std(axis=1, ddof=1) / np.sqrt(lit.shape[1])
    return mean, error
