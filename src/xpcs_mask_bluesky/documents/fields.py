"""The fields of a geometry that a source can tell: their units, and how much of a difference is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

FieldName = Literal[
    "incident_energy",
    "distance",
    "beam_center_x",
    "beam_center_y",
    "x_pixel_size",
    "y_pixel_size",
    "shape",
    "swing_angle_horizontal",
    "swing_angle_vertical",
    "tilt_pitch",
    "tilt_yaw",
    "tilt_roll",
    "incident_angle",
    "orientation",
    "delta",
    "beta",
]
UNIT_OF: Mapping[str, str] = {
    "incident_energy": "keV",
    "distance": "m",
    "beam_center_x": "px",
    "beam_center_y": "px",
    "x_pixel_size": "m",
    "y_pixel_size": "m",
    "swing_angle_horizontal": "deg",
    "swing_angle_vertical": "deg",
    "tilt_pitch": "deg",
    "tilt_yaw": "deg",
    "tilt_roll": "deg",
    "incident_angle": "deg",
    "orientation": "deg",
    "delta": "1",
    "beta": "1",
}
OPTIONAL = (
    "swing_angle_horizontal",
    "swing_angle_vertical",
    "tilt_pitch",
    "tilt_yaw",
    "tilt_roll",
    "incident_angle",
    "orientation",
    "delta",
    "beta",
)
"""They may have no place at all. Declared, they must be found: no grazing run is taken for transmission."""
DEFAULTS = {
    "incident_energy": (10.0, "keV"),
    "distance": (5.0, "m"),
    "x_pixel_size": (75e-6, "m"),
    "y_pixel_size": (75e-6, "m"),
}
TOLERANCES: Mapping[str, float] = {
    "incident_energy": 1e-5,
    "distance": 1e-6,
    "beam_center_x": 5e-3,
    "beam_center_y": 5e-3,
    "swing_angle_horizontal": 1e-5,
    "swing_angle_vertical": 1e-5,
    "incident_angle": 1e-5,
}
"""In the field's unit. A motor's jitter of 1e-4 mm is less; at 5 m, 75 µm a pixel and 2000 pixels across each
moves no pixel by more than 0.02 px. The other fields have none."""
ENERGY_AGREES_WITHIN = 1e-3
"""Relative: monochromators report energy and wavelength to four or five digits."""
