"""The geometry that a ``/qmap`` group of another program tells in part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.geometry import GeometryRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xpcs_mask_bluesky.files.foreign_qmap import ForeignQmap

FIELDS = ("beam_center_x", "beam_center_y", "pixel_size", "detector_distance", "energy")
METRES: Mapping[str, float] = {"m": 1.0, "mm": 1e-3}
XPCS_VIEWER = "1.0.0"
"""What XPCS Viewer calls its version in each file; it writes millimetres."""
_A_MILLIMETRE = 1e-3
"""As a number of metres: no pixel is as large; as one of millimetres, no pixel is as small."""


def foreign_geometry(foreign: ForeignQmap, lengths: str | None, told: Mapping[str, float]) -> GeometryRecord:
    """Return the geometry of a file and of what it does not tell; see :meth:`ForeignQmap.geometry`."""
    if missing := [name for name in FIELDS if getattr(foreign, name) is None]:
        raise ValueError(
            f"{foreign.source} does not tell {', '.join(missing)}; make a GeometryRecord yourself"
        )
    given = {name: float(getattr(foreign, name)) for name in FIELDS}
    metres = METRES[lengths or _unit_of_lengths(foreign, given["pixel_size"])]
    pixel = given["pixel_size"] * metres
    at_origin = GeometryRecord.model_validate(
        {
            "incident_energy": given["energy"],
            "distance": given["detector_distance"] * metres,
            "beam_center_x": 0.0,
            "beam_center_y": 0.0,
            "x_pixel_size": pixel,
            "y_pixel_size": pixel,
            "shape": foreign.shape,
            **told,
        }
    )
    shift = _shift(at_origin, ours=foreign.ours)
    centre = {
        "beam_center_x": given["beam_center_x"] - shift[0],
        "beam_center_y": given["beam_center_y"] - shift[1],
    }
    return GeometryRecord.model_validate(at_origin.model_dump() | centre)


def _shift(record: GeometryRecord, *, ours: bool) -> tuple[float, float]:
    """Return by how many pixels (x, y) the direct beam of a record with its centre at 0 is off it."""
    if record.direct_beam is None:
        raise ValueError(
            "with these angles the direct beam meets no pixel plane, but the file tells a centre"
        )
    if ours:
        return record.direct_beam
    # compute_display_center of pySimpleMask 0.4.5: each angle as if the other were 0
    along = math.tan(math.radians(record.swing_angle_horizontal))
    down = math.tan(math.radians(record.swing_angle_vertical))
    return record.distance * along / record.x_pixel_size, record.distance * down / record.y_pixel_size


def _unit_of_lengths(foreign: ForeignQmap, pixel_size: float) -> str:
    if 0 < pixel_size < _A_MILLIMETRE:
        return "m"
    if foreign.version == XPCS_VIEWER:
        return "mm"
    raise ValueError(
        f"pixel_size of {foreign.source} is {pixel_size:g}, which is no length of a pixel in m; "
        'is it in mm? pass lengths="mm"'
    )
