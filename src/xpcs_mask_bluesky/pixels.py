# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Hot, dead, stuck and flickering pixels, proposed from the statistics of frames.

A detector counts photons here: frames are counts, and a pixel under constant light has the variance of
its mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xpcs_mask_bluesky.masks.stored import Pixels

DEVIATIONS = 1.4826022185056018
"""Standard deviations of a normal distribution in its median absolute deviation."""
AT_ONCE = 1 << 19
"""Values that are computed together."""
BYTES_AT_ONCE = 64_000_000
"""Of frames that are read together."""
Fault = Literal["hot", "dead", "stuck", "flickering"]


class FrameStatistics:
    """Mean, variance and maximum of each pixel over frames, taken as these come.

    It keeps three images, and hands out copies; what it computes in between is small, so that five
    images are enough for any number of frames.

    Args:
        shape: Rows and columns.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = (shape[0], shape[1])
        self.frames = 0
        self._mean = np.zeros(self.shape)
        self._squares = np.zeros(self.shape)
        self._maximum = np.full(self.shape, -np.inf)

    @classmethod
    def of(cls, frames: Any) -> FrameStatistics:
        """Return the statistics of frames, read a piece at a time.

        Args:
            frames: ``(…, rows, columns)``: an array, or what is sliced like one and then read, such as
                a Tiled client or an HDF5 dataset; or an iterable of such arrays.

        Raises:
            ValueError: If there is no frame, or one of another shape or with NaN.
        """
        statistics: FrameStatistics | None = None
        for piece in _pieces(frames):
            statistics = statistics or cls(piece.shape[-2:])
            statistics.add(piece)
        if statistics is None:
            raise ValueError("there are no frames to take statistics of")
        return statistics

    def add(self, frames: np.ndarray) -> None:
        """Take one frame ``(rows, columns)``, or several ``(…, rows, columns)``.

        Raises:
            ValueError: If they have another shape, or hold NaN or infinity; then nothing is taken.
        """
        frames = np.asarray(frames)
        if frames.ndim < 2 or frames.shape[-2:] != self.shape:
            raise ValueError(f"frames are {frames.shape}; expected (…, rows, columns) with {self.shape}")
        frames = frames.reshape(-1, *self.shape)
        if frames.dtype.kind == "f" and not all(np.isfinite(frame).all() for frame in frames):
            raise ValueError("frames hold NaN or infinity; statistics need counts")
        for first in range(0, len(frames), 64):
            self._join(frames[first : first + 64])

    def _join(self, frames: np.ndarray) -> None:
        """Join the moments of two samples (Chan, Golub and LeVeque 1983), some rows at a time."""
        there, here = self.frames, len(frames)
        step = max(1, AT_ONCE // (here * self.shape[1]))
        for row in range(0, self.shape[0], step):
            rows = slice(row, row + step)
            part = frames[:, rows].astype(float)
            mean = part.mean(axis=0)
            part -= mean
            delta = mean - self._mean[rows]
            self._mean[rows] += delta * (here / (there + here))
            self._squares[rows] += np.einsum("ijk,ijk->jk", part, part)
            self._squares[rows] += delta * delta * (there * here / (there + here))
            np.maximum(self._maximum[rows], frames[:, rows].max(axis=0), out=self._maximum[rows])
        self.frames += here

    @property
    def mean(self) -> np.ndarray:
        """Mean of each pixel, float64 ``(rows, columns)``."""
        return self._mean.copy()

    @property
    def variance(self) -> np.ndarray:
        """Variance of each pixel over the frames (of these, not of a population they stand for)."""
        return self._squares / max(self.frames, 1)

    @property
    def maximum(self) -> np.ndarray:
        """Greatest value of each pixel; thresholds of saturation need it."""
        return self._maximum.copy()

    def __repr__(self) -> str:
        return f"FrameStatistics({self.frames} frames of {self.shape[0]}×{self.shape[1]})"


def _pieces(frames: Any) -> Iterator[np.ndarray]:
    if not hasattr(frames, "shape"):
        yield from (np.asarray(each) for each in frames)
        return
    if len(frames.shape) < 3:
        yield np.asarray(frames)
        return
    bytes_each = int(np.prod(frames.shape[1:])) * np.dtype(frames.dtype).itemsize
    step = max(1, BYTES_AT_ONCE // max(bytes_each, 1))
    for first in range(0, frames.shape[0], step):
        yield np.asarray(frames[first : first + step])


def leverage(statistics: FrameStatistics, labels: np.ndarray) -> np.ndarray:
    r"""Return by how much each pixel raises g2 of its bin at the shortest delay, ``(rows, columns)``.

    That is :math:`g_2 = N \sum_p \langle I_p(I_p-1) \rangle / (\sum_p \langle I_p \rangle)^2` of the
    bin's N pixels, less the same without the pixel. It is 0 outside the bins, NaN for the only pixel
    of a bin, and infinite for the only one that counts anything.

    Args:
        statistics: Of the frames.
        labels: Static bins ``(rows, columns)``, 0 = not counted.

    Raises:
        ValueError: If the labels have another shape.
    """
    bins = _checked(statistics, labels).ravel()
    mean = statistics.mean.ravel()
    second = statistics.variance.ravel() + mean * (mean - 1)
    number, of_mean, of_second = (
        np.bincount(bins, weights)[bins] for weights in (np.ones_like(mean), mean, second)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        together = number * of_second / of_mean**2
        without = (number - 1) * (of_second - second) / (of_mean - mean) ** 2
        found = np.where((of_mean - mean <= 0) & (mean > 0), np.inf, together - without)
    found[(of_mean == 0) & (number > 1)] = 0.0
    found[number == 1] = np.nan
    found[bins == 0] = 0.0
    return found.reshape(statistics.shape)


@dataclass(frozen=True)
class Suspect:
    """A pixel that does not count as those of its static bin do."""

    row: int
    column: int
    fault: Fault
    label: int
    """Of its static bin."""
    leverage: float
    """By how much it raises g2 of its bin at the shortest delay."""

    def describe(self) -> str:
        """Return one line for people."""
        return (
            f"{self.fault} pixel (row {self.row}, column {self.column}): "
            f"raises g2 of static bin {self.label} by {self.leverage:.3g}"
        )


def suspects(
    statistics: FrameStatistics,
    labels: np.ndarray,
    *,
    cutoff: float = 10.0,
    minimum_pixels: int = 10,
    minimum_counts: float = 100.0,
) -> tuple[Suspect, ...]:
    """Return the pixels at fault, those with the greatest leverage on g2 first.

    Each pixel is compared with the median of its static bin: *hot* counts more, *flickering* varies
    more, *stuck* does not vary, *dead* counts nothing. Static speckle is bright and dark too: a
    proposal is for a person to judge.

    Args:
        statistics: Of the frames.
        labels: Static bins ``(rows, columns)``, 0 = not counted.
        cutoff: Of hot and flickering pixels, in standard deviations (from the median absolute
            deviation, but at least those of counting).
        minimum_pixels: A bin with fewer is not judged.
        minimum_counts: Dead and stuck are pixels only where the bin's median, over all frames, is as
            much.

    Raises:
        ValueError: If the labels have another shape, or there are fewer than two frames.
    """
    if statistics.frames < 2:
        raise ValueError(f"{statistics.frames} frames tell nothing of pixels; expected two or more")
    images = [each.ravel() for each in (statistics.mean, statistics.variance, statistics.maximum)]
    raised = leverage(statistics, labels).ravel()
    limits = {"frames": statistics.frames, "cutoff": cutoff, "minimum_counts": minimum_counts}
    found: list[Suspect] = []
    for label, pixels in _bins(_checked(statistics, labels)):
        if len(pixels) < minimum_pixels:
            continue
        for fault, there in _faults(*(image[pixels] for image in images), **limits):
            for pixel in pixels[there]:
                row, column = divmod(int(pixel), statistics.shape[1])
                found.append(Suspect(row, column, fault, label, float(raised[pixel])))
    return tuple(sorted(found, key=lambda each: -abs(each.leverage)))


def _bins(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each label but 0 with the flat indices of its pixels."""
    order = np.argsort(labels, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(labels.ravel()))
    for label in range(1, len(ends)):
        yield label, order[ends[label - 1] : ends[label]]


def _faults(
    mean: np.ndarray,
    variance: np.ndarray,
    maximum: np.ndarray,
    *,
    frames: int,
    cutoff: float,
    minimum_counts: float,
) -> Iterator[tuple[Fault, np.ndarray]]:
    """Yield each fault with the pixels of one bin that have it; a pixel has one at most."""
    median = float(np.median(mean))
    enough = median * frames >= minimum_counts
    silent = (maximum <= 0) & (mean == 0)
    still = (variance == 0) & ~silent
    counting = np.sqrt(max(median, 0.0) * frames + 1) / frames
    hot = mean - median > cutoff * max(_deviation(mean - median), counting)
    with np.errstate(divide="ignore", invalid="ignore"):
        contrast = np.where(mean > 0, (variance - mean) / mean**2, 0.0)
    of_counting = np.sqrt(2 / frames) * (1 + 1 / median) if median > 0 else np.inf
    excess = contrast - np.median(contrast)
    flickering = excess > cutoff * max(_deviation(excess), of_counting)
    if enough:
        yield "dead", silent
        yield "stuck", still
        hot, flickering = hot & ~still, flickering & ~still
    yield "hot", hot
    yield "flickering", flickering & ~hot


def _deviation(from_median: np.ndarray) -> float:
    return DEVIATIONS * float(np.median(np.abs(from_median)))


def rejecting(found: Iterable[Suspect], *, reason: str = "") -> Pixels:
    """Return the one operation that rejects these pixels.

    Args:
        found: Of :func:`suspects`, or those of them that a person chose.
        reason: For people; by default how many have which fault.

    Raises:
        ValueError: If there is none.
    """
    chosen = list(found)
    kinds = [each.fault for each in chosen]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    pixels = tuple((each.row, each.column) for each in chosen)
    return Pixels(pixels=pixels, reason=reason or f"{counted} by the statistics of frames")


def _checked(statistics: FrameStatistics, labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != statistics.shape or labels.dtype.kind not in "ui":
        raise ValueError(
            f"labels are {labels.dtype} {labels.shape}, the frames {statistics.shape} (rows, columns); "
            "expected integers, such as static_roi_map"
        )
    return labels
