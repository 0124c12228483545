# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""The lab vector of pixels, split so that single precision keeps its digits; and at single pixels.

With the direct beam at :math:`(x_b, y_b)` in the detector's plane, :math:`X = \cos h\,(x - x_b) -
\sin h\sin v\,(y - y_b)` and :math:`Y = \cos v\,(y - y_b)`: no difference of large numbers is left
but in ``x - x_b``, which is taken in double precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.equal_bins import DOUBLE
from xpcs_mask_bluesky.partitions.kernels import Rays
from xpcs_mask_bluesky.qmap import Geometry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    Floats = NDArray[np.float64]

TRANSMISSION = (
    "incident_energy",
    "distance",
    "beam_center_x",
    "beam_center_y",
    "x_pixel_size",
    "y_pixel_size",
    "shape",
    "swing_angle_horizontal",
    "swing_angle_vertical",
)
"""All that the formulas here know of a geometry."""
LEAST_COSINE = 0.1
"""Of a swing angle: beyond, a detector stands so far round that the split gains nothing."""
FARTHEST = 1e6
"""In m: single precision squares it."""


@dataclass(frozen=True)
class Sight:
    """A geometry in transmission, as seen by the kernels."""

    geometry: Geometry
    shape: tuple[int, int]

    @classmethod
    def of(cls, record: GeometryRecord) -> Sight | None:
        """Return the sight of a geometry, or None if the formulas here do not hold for it."""
        fields = type(record).model_fields
        beyond = (name for name in fields if name not in TRANSMISSION)
        if any(getattr(record, name) != fields[name].default for name in beyond):
            return None
        sight = cls(Geometry.from_record(record), record.shape)
        upright = min(math.cos(sight.geometry.swing_horizontal), math.cos(sight.geometry.swing_vertical))
        return sight if upright > LEAST_COSINE and sight.farthest < FARTHEST else None

    @property
    def swings(self) -> bool:
        """Whether the detector is turned at all."""
        return self.geometry.swing_horizontal != 0 or self.geometry.swing_vertical != 0

    @property
    def shear(self) -> float:
        """How much Y takes part in X: ``|sin h tan v|``."""
        return abs(math.sin(self.geometry.swing_horizontal) * math.tan(self.geometry.swing_vertical))

    @property
    def farthest(self) -> float:
        """A length in m that no pixel's distance, nor that of the direct beam, exceeds."""
        x, y = self._plane()
        beam = self.geometry.distance / (
            math.cos(self.geometry.swing_horizontal) * math.cos(self.geometry.swing_vertical)
        )
        return float(np.abs(x).max() + np.abs(y).max()) + self.geometry.distance + 2 * abs(beam)

    def rays(self) -> Rays:
        """Return the split lab vector in single precision."""
        x, y = self._plane()
        cos_h, sin_h, cos_v, sin_v = self._turns()
        distance = self.geometry.distance
        down = y - distance * sin_v / cos_v
        vectors = {
            "across_column": cos_h * (x - distance * sin_h / (cos_h * cos_v)),
            "across_row": -sin_h * sin_v * down,
            "down_row": cos_v * down,
            "along_column": sin_h * x,
            "along_row": cos_h * (sin_v * y + cos_v * distance),
            "flat_column": x * x,
            "flat_row": y * y + distance**2,
        }
        return Rays(**{name: vector.astype(np.float32) for name, vector in vectors.items()})

    def at(self, pixels: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Return X, Y, Z in m of pixels given by their flat index, by the formula of ``qmap``."""
        rows, columns = np.divmod(pixels, self.shape[1])
        x, y = (line[index] for line, index in zip(self._plane(), (columns, rows), strict=True))
        cos_h, sin_h, cos_v, sin_v = self._turns()
        forward = sin_v * y + cos_v * self.geometry.distance
        across = cos_h * x - sin_h * forward
        return across, cos_v * y - sin_v * self.geometry.distance, sin_h * x + cos_h * forward

    def blur(self, length: Floats) -> Floats:
        """Return a bound, in m, of how far apart two evaluations of X or Y may lie at ``length`` m.

        Without swing they are products, and only their last digit is open.
        """
        return length * (32 * DOUBLE if self.swings else 0.0)

    def _plane(self) -> tuple[Floats, Floats]:
        geometry = self.geometry
        x = (np.arange(self.shape[1], dtype=float) - geometry.beam_center_x) * geometry.x_pixel_size
        y = (np.arange(self.shape[0], dtype=float) - geometry.beam_center_y) * geometry.y_pixel_size
        return x, y

    def _turns(self) -> tuple[float, float, float, float]:
        horizontal, vertical = self.geometry.swing_horizontal, self.geometry.swing_vertical
        return math.cos(horizontal), math.sin(horizontal), math.cos(vertical), math.sin(vertical)
