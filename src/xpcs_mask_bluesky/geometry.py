"""Where the detector stands: :class:`GeometryRecord`, and THE coordinate convention.

A pixel is ``(row, column)``, 0-based; an integer is a pixel's centre; ``beam_center_x`` counts columns,
``beam_center_y`` rows. A pixel lies at ``x = (column - beam_center_x) * x_pixel_size`` and
``y = (row - beam_center_y) * y_pixel_size`` of the detector's plane. The plane is tilted about the point
``x = y = 0``, where the direct beam hits it at zero swing, and swings with that about the sample:
``(X, Y, Z) = R_y(horizontal) R_x(vertical) [(0, 0, distance) + T (x, y, 0)]``,
``T = R_z(roll) R_x(pitch) R_y(yaw)``. X points along a row, Y down a column, Z along the beam.

So ``distance`` and ``beam_center_*`` mean the same with a tilt as without. Yaw and pitch turn the plane
in the sense in which the horizontal and the vertical swing turn it. They are pyFAI's angles: with the
image as pyFAI's orientation 3 has it, yaw = -rot1, pitch = rot2, roll = -rot3 (in degrees here).
"""

from __future__ import annotations

import math
import os
import warnings
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

from xpcs_mask_bluesky import poni, rotations, units
from xpcs_mask_bluesky.checked import Checked, plausible
from xpcs_mask_bluesky.digests import json_digest

PositiveFinite = Annotated[FiniteFloat, Field(gt=0)]
Energy = Annotated[PositiveFinite, plausible(0.1, 1000.0, "keV", {"eV": 1e-3})]
Distance = Annotated[PositiveFinite, plausible(1e-6, 1000.0, "m", {"mm": 1e-3, "µm": 1e-6})]
PixelSize = Annotated[PositiveFinite, plausible(1e-7, 1e-2, "m", {"mm": 1e-3, "µm": 1e-6, "nm": 1e-9})]
SwingAngle = Annotated[FiniteFloat, Field(ge=-180, le=180)]
TiltAngle = Annotated[FiniteFloat, Field(gt=-90, lt=90)]
Pixel = tuple[float, float]


def _quarter_turn(value: Any) -> Any:
    """Read 90.0 as 90: a motor or a JSON file knows no integers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class GeometryRecord(Checked):
    """The geometry of one measurement, validated; equal values, equal digest.

    Without ``incident_angle`` it is transmission; with it reflection at grazing incidence.

    Raises:
        ValueError: (pydantic's) naming the field, what came and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    incident_energy: Energy
    """Photon energy, in keV."""
    distance: Distance
    """Sample to detector along the beam at zero swing, in m."""
    beam_center_x: FiniteFloat
    """Column of the direct beam at zero swing, in px; it may lie off the detector."""
    beam_center_y: FiniteFloat
    """Row of the direct beam at zero swing, in px; it may lie off the detector."""
    x_pixel_size: PixelSize
    """Pixel pitch along a row, in m."""
    y_pixel_size: PixelSize
    """Pixel pitch along a column, in m."""
    shape: tuple[PositiveInt, PositiveInt]
    """Rows and columns of the detector."""
    swing_angle_horizontal: SwingAngle = 0.0
    """Rotation of the detector about the vertical axis through the sample, in degrees."""
    swing_angle_vertical: SwingAngle = 0.0
    """Rotation of the detector about the horizontal axis through the sample, in degrees."""
    tilt_pitch: TiltAngle = 0.0
    """Rotation of the plane about its row direction, in degrees: the sense of the vertical swing."""
    tilt_yaw: TiltAngle = 0.0
    """Rotation of the plane about its column direction, in degrees: the sense of the horizontal swing."""
    tilt_roll: SwingAngle = 0.0
    """Rotation of the plane about the beam, in degrees: from larger columns towards larger rows."""
    incident_angle: Annotated[FiniteFloat, Field(ge=0, le=90)] | None = None
    """Of the beam on the sample's surface, in degrees; None in transmission."""
    orientation: Annotated[Literal[0, 90, 180, 270], BeforeValidator(_quarter_turn)] = 0
    """Side to which the surface normal points, row 0 on top: 0 smaller rows, 90 smaller columns, 180
    larger rows, 270 larger columns. Only in reflection."""
    delta: Annotated[FiniteFloat, Field(ge=0, lt=1)] | None = None
    """Of the film's refractive index 1 - delta + i beta; with it ``qz_film`` is an axis."""
    beta: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """Of the film's refractive index; None counts as 0."""

    @model_validator(mode="after")
    def _check_reflection(self) -> GeometryRecord:
        if self.incident_angle is None:
            given = {"orientation": self.orientation or None, "delta": self.delta, "beta": self.beta}
            for field, value in given.items():
                if value is not None:
                    raise ValueError(
                        f"{field} is {value} but there is no incident_angle; it means something in "
                        "reflection only: is the incident angle missing?"
                    )
        if self.beta is not None and self.delta is None:
            raise ValueError(f"beta is {self.beta} but there is no delta; a refractive index needs both")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content, 64 hexadecimal characters.

        What is not there is not in it: a tilt of 0 and, in transmission, the orientation.
        """
        # Not cached: pydantic's model_copy(update=…) would take the old digest along.
        content = self.model_dump(mode="json", exclude_none=True)
        absent = {name for name in ("tilt_pitch", "tilt_yaw", "tilt_roll") if content[name] == 0}
        if self.incident_angle is None:
            absent.add("orientation")
        return json_digest({"geometry": {k: v for k, v in content.items() if k not in absent}})

    @property
    def wavelength(self) -> float:
        """Wavelength, in Å."""
        return units.wavelength(incident_energy=self.incident_energy)

    @property
    def is_tilted(self) -> bool:
        """Whether the plane is turned about the beam's point at all."""
        return any((self.tilt_pitch, self.tilt_yaw, self.tilt_roll))

    @property
    def plane(self) -> rotations.DetectorPlane:
        """The detector's plane, its origin at the direct beam's point at zero swing."""
        return rotations.DetectorPlane(
            distance=self.distance,
            swing=rotations.swing(self.swing_angle_horizontal, self.swing_angle_vertical),
            tilt=rotations.tilt(self.tilt_pitch, self.tilt_yaw, self.tilt_roll),
        )

    @property
    def direct_beam(self) -> Pixel | None:
        """Pixel ``(x, y)`` that the direct beam hits, swing and tilt included; None where it hits none."""
        return self._pixel_at((0.0, 0.0, 1.0))

    @property
    def surface_normal(self) -> rotations.Vector | None:
        """Unit vector ``(X, Y, Z)`` out of the sample's surface; None in transmission."""
        if self.incident_angle is None:
            return None
        angle = math.radians(self.incident_angle)
        across, down = UP[self.orientation]
        return (math.cos(angle) * across, math.cos(angle) * down, -math.sin(angle))

    @property
    def critical_angle(self) -> float | None:
        r"""Angle of total reflection in degrees, :math:`\cos\alpha_c = 1 - \delta`; None without delta."""
        if self.delta is None:
            return None
        return math.degrees(math.asin(math.sqrt(self.delta * (2 - self.delta))))

    @property
    def specular_pixel(self) -> Pixel | None:
        r"""Pixel ``(x, y)`` of the specular spot, :math:`\alpha_f = \alpha_i`; None where it is none."""
        return None if self.incident_angle is None else self._exit_pixel(self.incident_angle)

    @property
    def horizon_pixel(self) -> Pixel | None:
        r"""Pixel ``(x, y)`` where the plane of incidence meets the horizon, :math:`\alpha_f = 0`.

        Its y is the horizon's row for orientation 0 and 180, its x the column for 90 and 270.
        """
        return self._exit_pixel(0.0)

    @property
    def yoneda_pixel(self) -> Pixel | None:
        r"""Pixel ``(x, y)`` in the plane of incidence at the critical angle; None without delta.

        Its y is the Yoneda row for orientation 0 and 180, its x the column for 90 and 270.
        """
        return None if self.critical_angle is None else self._exit_pixel(self.critical_angle)

    def _exit_pixel(self, exit_angle: float) -> Pixel | None:
        if self.incident_angle is None:
            return None
        angle = math.radians(self.incident_angle + exit_angle)
        across, down = UP[self.orientation]
        return self._pixel_at((math.sin(angle) * across, math.sin(angle) * down, math.cos(angle)))

    def _pixel_at(self, direction: rotations.Vector) -> Pixel | None:
        point = self.plane.hit(direction)
        if point is None:
            return None
        return (
            self.beam_center_x + point[0] / self.x_pixel_size,
            self.beam_center_y + point[1] / self.y_pixel_size,
        )

    @classmethod
    def from_poni(
        cls,
        path_or_text: str | os.PathLike[str],
        *,
        shape: tuple[int, int] | None = None,
        incident_energy: float | None = None,
    ) -> GeometryRecord:
        """Return the geometry that a pyFAI PONI file tells, in transmission.

        pyFAI's rotations become the tilt; if they turn the detector past the beam, swing and roll.

        Args:
            path_or_text: The file, or its text (which has line breaks).
            shape: Rows and columns of the detector that it must be of; needed if the file tells none.
            incident_energy: In keV, if the file holds no wavelength.

        Raises:
            ValueError: If a number is missing or no number, the detector is unknown, its pixels make no
                regular grid or it has another shape, or the file's parallax correction is on.
        """
        return cls(**poni.fields(poni.text_of(path_or_text), shape=shape, incident_energy=incident_energy))

    def to_poni(self, *, orientation: Literal[1, 2, 3, 4] = 3) -> str:
        """Return the text of a pyFAI PONI file of this geometry.

        Swing and tilt become one rotation; the surface of a reflection has no place in it.

        Args:
            orientation: pyFAI's, of the image. 3 is its default; 2 is the image as seen from the sample.

        Warns:
            UserWarning: In reflection, of what the file does not say.
        """
        if self.incident_angle is not None:
            warnings.warn("a PONI file does not say the incident angle, orientation or film", stacklevel=2)
        return poni.text(
            self.plane,
            incident_energy=self.incident_energy,
            centre=(self.beam_center_x, self.beam_center_y),
            pixel=(self.x_pixel_size, self.y_pixel_size),
            shape=self.shape,
            orientation=orientation,
        )


UP: dict[int, Pixel] = {0: (0.0, -1.0), 90: (-1.0, 0.0), 180: (0.0, 1.0), 270: (1.0, 0.0)}
"""Of each orientation, X and Y of the direction in the picture to which the surface normal leans."""
