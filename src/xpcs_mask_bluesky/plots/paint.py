"""Colours that the colour-blind tell apart, scales that outliers do not spoil, and fewer pixels to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions import Partition

    Floats = NDArray[np.floating]

LABEL_COLORS = ("#77AADD", "#EEDD88", "#44BB99", "#FFAABB", "#AAAA00", "#99DDFF", "#EE8866", "#BBCC33")
"""Paul Tol's light scheme, made to be written on, in an order of contrast."""
MASKED, BLEMISHED, ALERT, INK = "#D8D8D8", "#8A8A8A", "#C4420B", "#202020"
"""Greys for pixels that do not count, one colour for what needs attention, one for lines."""
MOST = 720
"""Pixels along the longer side that a picture shows; more are drawn together."""
_SAMPLED = 500_000


@dataclass(frozen=True)
class Coarse:
    """A detector drawn with fewer pixels: blocks of ``step`` × ``step``."""

    shape: tuple[int, int]
    step: int

    @classmethod
    def of(cls, shape: tuple[int, int], most: int = MOST) -> Coarse:
        """Return the blocks that leave at most ``most`` pixels along a side."""
        return cls(shape, max(1, -(-max(shape) // most)))

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge of what is drawn, in px of the detector."""
        rows, columns = (-(-size // self.step) * self.step for size in self.shape)
        return (-0.5, columns - 0.5, rows - 0.5, -0.5)

    def mean(self, values: np.ndarray, where: NDArray[np.bool_]) -> Floats:
        """Return the mean of each block over the pixels ``where``; NaN where there is none."""
        total = self._sum(np.where(where, values, 0.0))
        count = self._sum(where.astype(float))
        return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)

    def fraction(self, bits: NDArray[np.bool_]) -> Floats:
        """Return which part of each block is True."""
        return self._sum(bits.astype(float)) / self._sum(np.ones(self.shape))

    def pick(self, values: np.ndarray) -> np.ndarray:
        """Return one pixel of each block."""
        rows, columns = (
            np.minimum(np.arange(0, size, self.step) + self.step // 2, size - 1) for size in self.shape
        )
        return np.asarray(values)[np.ix_(rows, columns)]

    @property
    def rows(self) -> Floats:
        """Row of each block's centre, in px."""
        return np.arange(0, self.shape[0], self.step) + (self.step - 1) / 2

    @property
    def columns(self) -> Floats:
        """Column of each block's centre, in px."""
        return np.arange(0, self.shape[1], self.step) + (self.step - 1) / 2

    def _sum(self, values: Floats) -> Floats:
        starts = (np.arange(0, size, self.step) for size in self.shape)
        first, second = starts
        return np.add.reduceat(np.add.reduceat(values, first, axis=0), second, axis=1)


def figure(width: float, height: float) -> Figure:
    """Return a figure, in inches: one of pyplot's, with a window, only if matplotlib is interactive."""
    if mpl.is_interactive():
        from matplotlib import pyplot

        return pyplot.figure(figsize=(width, height), layout="constrained")
    return Figure(figsize=(width, height), layout="constrained")


def intensity_norm(image: np.ndarray, counted: NDArray[np.bool_]) -> Normalize:
    """Return a logarithmic scale from the counted pixels' 1st to their 99.9th percentile above 0.

    Of an image without a positive pixel, or with a single value, a linear scale.
    """
    values = np.asarray(image)[counted]
    values = values[:: max(1, values.size // _SAMPLED)]
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return Normalize(0, 1)
    low, high = (float(each) for each in np.percentile(positive, [1, 99.9]))
    low = max(low, high * 1e-6)
    return LogNorm(low, high) if low < high else Normalize(0, 2 * high)


def intensity_map() -> Colormap:
    """Return the colours of intensities; what does not count is grey."""
    return mpl.colormaps["viridis"].with_extremes(bad=MASKED)


def label_palette(part: Partition) -> tuple[Colormap, BoundaryNorm]:
    """Return a colour for each dynamic label, another one than its neighbours have, also across ±180."""
    return _palette(label_colors(part))


def label_colors(part: Partition) -> list[str]:
    """Return the colour of each dynamic label, from label 1."""
    natural = np.asarray(part.dynamic.index_mapping, dtype=np.int64)
    second = part.dynamic.num_pts[1]
    number, step = _cycle(second)
    first = (natural // second + step * (natural % second)) % number
    return [LABEL_COLORS[index] for index in first]


def _cycle(second: int) -> tuple[int, int]:
    """Return how many colours to use, and how far to step along the second axis: round it, no two meet."""
    for number in (8, 7, 6, 5):
        for step in (3, 2, 5):
            if second == 1 or step * (second - 1) % number:
                return number, step
    return 8, 3


def _palette(colors: list[str]) -> tuple[Colormap, BoundaryNorm]:
    bounds = np.arange(len(colors) + 1) + 0.5
    return ListedColormap(colors).with_extremes(bad="white"), BoundaryNorm(bounds, len(colors))
