"""The viewer's geometry parameters (keV, mm, px), and the record that they make."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from xpcs_mask_bluesky.geometry import GeometryRecord

PARAMETERS: Mapping[str, str] = MappingProxyType(
    {"energy": "keV", "bcx": "px", "bcy": "px", "shape": "px", "pix_dim": "mm", "det_dist": "mm"}
)
"""The viewer's six parameters, with their units."""
IN_REFLECTION: Mapping[str, str] = MappingProxyType({"alpha_i_deg": "deg", "orientation": ""})
_UNIT_OF = {**PARAMETERS, **IN_REFLECTION}
DEFAULTS: Mapping[str, float | str] = MappingProxyType(
    {"energy": 10.0, "det_dist": 5000.0, "pix_dim": 0.075, "alpha_i_deg": 0.14, "orientation": "north"}
)
"""What the viewer takes for a parameter that it was not given; beside the centre of the image."""
ORIENTATIONS: Mapping[str, int] = MappingProxyType({"north": 0, "west": 90, "south": 180, "east": 270})
"""Sides of the picture to which the surface normal points, by the viewer's names."""
_SMALLEST_PIXEL, _NEAREST = 1e-3, 20.0
"""In mm; what is less was probably typed in m."""
_NAMES = {
    "incident_energy": "energy",
    "distance": "det_dist",
    "beam_center_x": "bcx",
    "beam_center_y": "bcy",
    "x_pixel_size": "pix_dim",
    "y_pixel_size": "pix_dim",
    "incident_angle": "alpha_i_deg",
}


class AssumedGeometry(UserWarning):
    """A geometry parameter was not given, and the viewer's default stands for it."""


def geometry_record(
    stype: str, metadata: Mapping[str, Any], *, assume_defaults: bool = False
) -> GeometryRecord:
    """Return the geometry that the viewer's parameters tell.

    Args:
        stype: ``"Transmission"`` or ``"Reflection"``.
        metadata: ``energy`` (keV), ``bcx``, ``bcy`` (px: column, row), ``shape`` (rows, columns),
            ``pix_dim``, ``det_dist`` (mm), and in reflection ``alpha_i_deg`` (degrees) and ``orientation``
            (``"north"``, ``"west"``, ``"south"`` or ``"east"``: the side to which the normal points).
        assume_defaults: Take :data:`DEFAULTS` and the image's centre for what is missing, with a warning.

    Raises:
        ValueError: If the type or the orientation is unknown, or a parameter is missing or out of range.

    Warns:
        AssumedGeometry: Of each default that was taken.
        UserWarning: Of lengths that look like metres.
    """
    if stype not in {"Transmission", "Reflection"}:
        raise ValueError(f"scattering type is {stype!r}; expected 'Transmission' or 'Reflection'")
    values = _complete(stype, metadata, assume_defaults=assume_defaults)
    _doubt_lengths(values)
    fields = {
        "incident_energy": values["energy"],
        "distance": values["det_dist"] / 1000,
        "beam_center_x": values["bcx"],
        "beam_center_y": values["bcy"],
        "x_pixel_size": values["pix_dim"] / 1000,
        "y_pixel_size": values["pix_dim"] / 1000,
        "shape": tuple(values["shape"]),
    }
    if stype == "Reflection":
        orientation = _degrees(values["orientation"])
        fields |= {"incident_angle": values["alpha_i_deg"], "orientation": orientation}
    try:
        return GeometryRecord.model_validate(fields)
    except ValidationError as error:
        raise ValueError("; ".join(_in_their_words(each, values) for each in error.errors())) from error


def missing_parameters(stype: str, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters that ``metadata`` lacks."""
    wanted = (*PARAMETERS, *IN_REFLECTION) if stype == "Reflection" else tuple(PARAMETERS)
    return tuple(name for name in wanted if metadata.get(name) is None)


def _complete(stype: str, metadata: Mapping[str, Any], *, assume_defaults: bool) -> dict[str, Any]:
    missing = missing_parameters(stype, metadata)
    if not missing:
        return dict(metadata)
    if not assume_defaults or "shape" in missing:
        told = ", ".join(f"{name} ({_UNIT_OF[name]})" if _UNIT_OF[name] else name for name in missing)
        raise ValueError(
            f"no Q-map without {told}; give it, or pass assume_defaults=True for the viewer's defaults "
            "(the shape has none)"
        )
    rows, columns = metadata["shape"]
    defaults = {**DEFAULTS, "bcx": (columns - 1) / 2, "bcy": (rows - 1) / 2}
    taken = {name: defaults[name] for name in missing}
    told = ", ".join(f"{name}={value}" for name, value in taken.items())
    warnings.warn(f"nobody measured {told}: assumed", AssumedGeometry, stacklevel=4)
    return {**metadata, **taken}


def _doubt_lengths(values: Mapping[str, Any]) -> None:
    if 0 < values["pix_dim"] < _SMALLEST_PIXEL or 0 < values["det_dist"] < _NEAREST:
        warnings.warn(
            f"pix_dim={values['pix_dim']:g} and det_dist={values['det_dist']:g} are in mm; "
            "was one of them given in m?",
            stacklevel=4,
        )


def _degrees(orientation: Any) -> int:
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation is {orientation!r}; expected one of {', '.join(ORIENTATIONS)}")
    return ORIENTATIONS[orientation]


def _in_their_words(error: Any, values: Mapping[str, Any]) -> str:
    field = str(error["loc"][0]) if error["loc"] else "geometry"
    name = _NAMES.get(field, field)
    unit = _UNIT_OF.get(name, "")
    return f"{name} is {values.get(name)!r} {unit}: {error['msg']}"
