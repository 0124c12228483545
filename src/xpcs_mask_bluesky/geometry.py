"""Where the detector stands: :class:`GeometryRecord`, and THE coordinate convention.

A pixel is ``(row, column)``, 0-based; an integer is a pixel's centre; ``beam_center_x`` counts columns,
``beam_center_y`` rows. A pixel lies at ``x = (column - beam_center_x) * x_pixel_size``,
``y = (row - beam_center_y) * y_pixel_size`` and ``z = distance`` from the sample, and swings with the
detector about the sample: ``(X, Y, Z) = R_y(horizontal) R_x(vertical) (x, y, z)``.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.digests import json_digest

PositiveFinite = Annotated[FiniteFloat, Field(gt=0)]
SwingAngle = Annotated[FiniteFloat, Field(ge=-180, le=180)]


class GeometryRecord(BaseModel):
    """The geometry of one measurement in transmission, validated; equal values, equal digest.

    Raises:
        ValueError: (pydantic's) naming the field, what came and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    incident_energy: PositiveFinite
    """Photon energy, in keV."""
    distance: PositiveFinite
    """Sample to detector along the beam at zero swing, in m."""
    beam_center_x: FiniteFloat
    """Column of the direct beam at zero swing, in px; it may lie off the detector."""
    beam_center_y: FiniteFloat
    """Row of the direct beam at zero swing, in px; it may lie off the detector."""
    x_pixel_size: PositiveFinite
    """Pixel pitch along a row, in m."""
    y_pixel_size: PositiveFinite
    """Pixel pitch along a column, in m."""
    shape: tuple[PositiveInt, PositiveInt]
    """Rows and columns of the detector."""
    swing_angle_horizontal: SwingAngle = 0.0
    """Rotation of the detector about the vertical axis through the sample, in degrees."""
    swing_angle_vertical: SwingAngle = 0.0
    """Rotation of the detector about the horizontal axis through the sample, in degrees."""

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content, 64 hexadecimal characters."""
        # Not cached: pydantic's model_copy(update=…) would take the old digest along.
        return json_digest({"geometry": self.model_dump(mode="json", exclude_none=True)})

    @property
    def wavelength(self) -> float:
        """Wavelength, in Å."""
        return units.wavelength(incident_energy=self.incident_energy)

    @property
    def direct_beam(self) -> tuple[float, float] | None:
        r"""Pixel ``(x, y)`` that the direct beam hits, swing included; None where it hits none.

        The beam in the detector's own frame is :math:`b = R^T \hat z`; its ray meets the detector's
        plane at ``distance * b / b_z``, which exists for ``b_z > 0`` only.
        """
        horizontal = math.radians(self.swing_angle_horizontal)
        vertical = math.radians(self.swing_angle_vertical)
        along = math.cos(horizontal) * math.cos(vertical)
        if along <= 0:
            return None
        across = math.sin(horizontal) / along
        downward = math.cos(horizontal) * math.sin(vertical) / along
        return (
            self.beam_center_x + self.distance * across / self.x_pixel_size,
            self.beam_center_y + self.distance * downward / self.y_pixel_size,
        )
