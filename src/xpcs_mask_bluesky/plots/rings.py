"""Lines of constant q and spokes of constant φ over a picture of the detector, with their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from xpcs_mask_bluesky.plots.paint import INK, Coarse
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    Floats = NDArray[np.float64]

POINTS = 360
"""Along a side, of the grid on which lines are followed."""
STEPS = (45, 30, 15, 10, 5, 2, 1)
"""Between spokes, in degrees: the first that shows three of them."""
MARGIN = 0.055
"""Of the picture's sides, that numbers stay away from."""


def draw_rings(axes: Axes, record: GeometryRecord, *, color: str = "white", size: float = 6.5) -> None:
    """Draw rings of q (Å⁻¹) and spokes of φ (degrees), each with its value.

    Args:
        axes: Shows the detector in px.
        record: The geometry.
        color: Of lines and numbers.
        size: Of the numbers, in points.
    """
    if min(record.shape) < 4:
        return
    _Lines.over(axes, record, color, size).draw()


@dataclass(frozen=True)
class _Lines:
    """What lines are drawn from: both maps on a coarse grid, and how they look."""

    axes: Axes
    coarse: Coarse
    q: Floats
    phi: Floats
    color: str
    size: float

    @classmethod
    def over(cls, axes: Axes, record: GeometryRecord, color: str, size: float) -> _Lines:
        coarse, qmap = Coarse.of(record.shape, POINTS), q_map(record).compute("q", "phi")
        return cls(axes, coarse, coarse.pick(qmap["q"]), coarse.pick(qmap["phi"]), color, size)

    def draw(self) -> None:
        angles = self._angles()
        for angle in angles:
            path = self._path((self.phi - angle + 180) % 360 - 180, 0.0, "dotted", 0.5)
            path = path[self._inside(path)]
            if len(path):
                last = path[int(np.argmax(self._at(path, self.q)))]
                self._number(last, "±180°" if abs(angle) == 180 else f"{angle:d}°")
        self._draw_levels(self._open_direction(angles))

    def _draw_levels(self, between: float) -> None:
        """Draw the rings; the outermost number has the unit of all."""
        numbers: list[tuple[Floats, float]] = []
        for level in self._levels():
            path = self._path(self.q, level, "solid", 0.7)
            path = path[self._inside(path)]
            if len(path):
                off = np.abs((self._at(path, self.phi) - between + 180) % 360 - 180)
                numbers.append((path[int(np.argmin(off))], level))
        for number, (place, level) in enumerate(numbers, start=1):
            self._number(place, f"{level:.6g}{' Å⁻¹' if number == len(numbers) else ''}")

    def _levels(self) -> list[float]:
        low, high = float(self.q.min()), float(self.q.max())
        values = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        return [float(value) for value in values if max(low, 0.02 * high) < value < high]

    def _angles(self) -> list[int]:
        seen = np.unique(np.floor(self.phi).astype(int))
        for step in STEPS:
            angles = [angle for angle in range(-180, 180, step) if np.isin(angle, seen)]
            if len(angles) >= 3:
                return angles
        return []

    def _open_direction(self, angles: list[int]) -> float:
        """Return an azimuth between spokes, near the picture's farthest point: ring values stand there."""
        farthest = float(self.phi.flat[int(np.argmax(self.q))])
        step = angles[1] - angles[0] if len(angles) > 1 else 45
        return (math.floor(farthest / step) + 0.5) * step

    def _path(self, values: Floats, level: float, style: str, width: float) -> Floats:
        """Draw where values pass a level, and return its points, ``(n, 2)``: column and row."""
        # the far half of an azimuth jumps through the level too
        near = np.ma.masked_where(np.abs(values) > 60, values) if level == 0 else values
        if not np.ma.min(near) < level < np.ma.max(near):
            return np.empty((0, 2))
        drawn = self.axes.contour(
            self.coarse.columns,
            self.coarse.rows,
            near,
            levels=[level],
            colors=self.color,
            linewidths=width,
            linestyles=style,
            alpha=0.85,
        )
        return np.concatenate([np.empty((0, 2)), *drawn.allsegs[0]])

    def _inside(self, path: Floats) -> NDArray[np.bool_]:
        rows, columns = self.coarse.shape
        margin = MARGIN * max(rows, columns)
        column, row = path[:, 0], path[:, 1]
        return (
            (column > margin)
            & (column < columns - margin)
            & (row > 0.7 * margin)
            & (row < rows - 0.7 * margin)
        )

    def _at(self, path: Floats, values: Floats) -> Floats:
        rows = np.clip((path[:, 1] / self.coarse.step).astype(int), 0, values.shape[0] - 1)
        columns = np.clip((path[:, 0] / self.coarse.step).astype(int), 0, values.shape[1] - 1)
        return values[rows, columns]

    def _number(self, place: Floats, words: str) -> None:
        halo = withStroke(linewidth=1.6, foreground=INK if self.color == "white" else "white")
        self.axes.text(
            float(place[0]),
            float(place[1]),
            words,
            color=self.color,
            fontsize=self.size,
            ha="center",
            va="center",
            path_effects=[halo],
            clip_on=True,
        )
