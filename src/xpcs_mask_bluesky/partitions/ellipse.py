# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""Elliptic coordinates for scattering that is not isotropic: ρ is 1 on an ellipse, φ the angle in its frame.

.. math:: \rho = \sqrt{(r / s_r)^2 + (c / s_c)^2}, \qquad \varphi = -\mathrm{atan2}(r, c)

with :math:`(r, c)` the pixel seen from the centre, along the turned row and column axes, and
:math:`s_r, s_c` the semi-axes: for angle 0, φ is that of the picture, up +90.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from xpcs_mask_bluesky.checked import Checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    Floats = NDArray[np.float64]

RHO, PHI = "ellipse_rho", "ellipse_phi"
ELLIPSE_UNITS: Mapping[str, str] = MappingProxyType({RHO: "", PHI: "deg"})
"""The elliptic axes with their units: ρ is a ratio and has none."""
SemiAxis = Annotated[FiniteFloat, Field(gt=0)]


class EllipseFrame(Checked):
    """The ellipse on which ρ is 1; sizes in px, as of the mask's ``Ellipse``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    semi_row: SemiAxis
    """Half the extent along the rows' index, before turning."""
    semi_column: SemiAxis
    """Half the extent along the columns' index, before turning."""
    angle: FiniteFloat = 0.0
    """In degrees; it turns the row axis towards the column axis."""
    row: FiniteFloat | None = None
    """Of the centre. Without row and column, the centre is where the geometry's direct beam hits."""
    column: FiniteFloat | None = None

    @model_validator(mode="after")
    def _check(self) -> EllipseFrame:
        if (self.row is None) != (self.column is None):
            raise ValueError(f"row={self.row}, column={self.column}: give both, or none for the direct beam")
        return self

    @classmethod
    def of(cls, mask: ArrayLike) -> EllipseFrame:
        r"""Return the ellipse with the second moments of a mask, such as a ring cut out by a threshold.

        A filled ellipse has the variance :math:`s^2 / 4` along each axis; pySimpleMask finds its own so.

        Raises:
            ValueError: If the mask counts no pixels, or pixels on one line only.
        """
        rows, columns = np.nonzero(np.asarray(mask, dtype=bool))
        if not len(rows):
            raise ValueError("the mask counts no pixel: no ellipse to find")
        variances, axes = np.linalg.eigh(np.cov(np.stack([rows, columns]), bias=True))
        if not variances[0] > 0:
            raise ValueError("the mask's pixels lie on one line: no ellipse to find")
        # the axis that is rather along the rows is the row axis, so that the turn is below 45°
        first = int(abs(axes[0, 1]) > abs(axes[0, 0]))
        along = axes[:, first] * np.sign(axes[0, first])
        return cls(
            row=float(rows.mean()),
            column=float(columns.mean()),
            semi_row=2 * math.sqrt(variances[first]),
            semi_column=2 * math.sqrt(variances[1 - first]),
            angle=math.degrees(math.atan2(along[1], along[0])),
        )

    def values(self, record: GeometryRecord, axis: str) -> Floats:
        """Return ρ, or φ in degrees, of each pixel, ``(rows, columns)``.

        Raises:
            ValueError: If the centre is to be the direct beam, and it misses the detector's plane.
        """
        down, right = self._own_axes(record)
        if axis == RHO:
            return np.sqrt((down / self.semi_row) ** 2 + (right / self.semi_column) ** 2)
        return -np.degrees(np.arctan2(down, right))

    def _own_axes(self, record: GeometryRecord) -> tuple[Floats, Floats]:
        from xpcs_mask_bluesky.masks.raster import turn  # all of masks would delay each first partition

        row, column = self._center(record)
        cosine, sine = turn(self.angle)
        down = (np.arange(record.shape[0], dtype=float) - row)[:, None]
        right = (np.arange(record.shape[1], dtype=float) - column)[None, :]
        return cosine * down + sine * right, cosine * right - sine * down

    def _center(self, record: GeometryRecord) -> tuple[float, float]:
        if self.row is not None and self.column is not None:
            return self.row, self.column
        beam = record.direct_beam
        if beam is None:
            raise ValueError("the direct beam misses the detector's plane: give the ellipse row= and column=")
        return beam[1], beam[0]
