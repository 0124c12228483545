"""What a report says in words: the geometry with its provenance, and the strip of the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord

_FIELDS = {
    "incident_energy": ("energy", "keV", 1),
    "distance": ("distance", "m", 1),
    "beam_center_x": ("beam centre, column", "px", 1),
    "beam_center_y": ("beam centre, row", "px", 1),
    "x_pixel_size": ("pixel along a row", "µm", 1e6),
    "y_pixel_size": ("pixel along a column", "µm", 1e6),
    "swing_angle_horizontal": ("swing, horizontal", "deg", 1),
    "swing_angle_vertical": ("swing, vertical", "deg", 1),
    "tilt_pitch": ("tilt, pitch", "deg", 1),
    "tilt_yaw": ("tilt, yaw", "deg", 1),
    "tilt_roll": ("tilt, roll", "deg", 1),
    "incident_angle": ("incident angle", "deg", 1),
    "orientation": ("surface normal", "deg", 1),
    "delta": ("film, δ", "", 1),
    "beta": ("film, β", "", 1),
}
_SHORT = {"configuration": "config"}
_ALWAYS, _IN_TRANSMISSION = 6, 11
"""Of the fields above; the others only where they are not 0, or a document tells them."""


@dataclass(frozen=True)
class GeometryRow:
    """One line of the geometry's table."""

    name: str
    value: str
    source: str
    assumed: bool


def geometry_rows(record: GeometryRecord, provenance: Mapping[str, Any]) -> list[GeometryRow]:
    """Return the lines of the geometry's table.

    Args:
        record: The geometry.
        provenance: By field: ``where``, ``key``, ``stream``, ``assumed``, as the log keeps them.
    """
    rows: list[GeometryRow] = []
    in_reflection = record.incident_angle is not None
    for number, (field, (name, unit, factor)) in enumerate(_FIELDS.items()):
        value = getattr(record, field)
        told = provenance.get(field)
        needed = number < _ALWAYS or (told is not None and (in_reflection or number < _IN_TRANSMISSION))
        surface = field == "orientation" and in_reflection
        if value is None or not (needed or value or surface):
            continue
        rows.append(
            GeometryRow(name, f"{value * factor:.9g} {unit}".strip(), source_words(told), _assumed(told))
        )
    if record.direct_beam is not None and (
        record.is_tilted or record.swing_angle_horizontal or record.swing_angle_vertical
    ):
        column, line = record.direct_beam
        rows.append(
            GeometryRow("direct beam", f"{column:.1f}, {line:.1f}", "px: column, row; computed", False)
        )
    return rows


def source_words(told: Mapping[str, Any] | None) -> str:
    """Return in words where a field of the geometry comes from."""
    if told is None:
        return "not recorded"
    if _assumed(told):
        return "ASSUMED, nobody measured it"
    where, key, stream = (str(told.get(name, "")) for name in ("where", "key", "stream"))
    if where == "const":
        return "constant of the source"
    where = _SHORT.get(where, where)
    place = f"{where} of {stream}" if stream and stream != where else where
    return f"{key} ({place})" if key else place


def strip(lines: Sequence[str], *, most: int, width: int) -> list[str]:
    """Return at most ``most`` lines of a history, cut to ``width``: the first, and those at the pointer.

    Args:
        lines: The one in force begins with ``▸``.
        most: At least 4.
        width: In characters.
    """
    chosen = list(lines) if len(lines) <= most else _about_the_pointer(lines, most)
    return [line if len(line) <= width else line[: width - 1] + "…" for line in chosen]


def _about_the_pointer(lines: Sequence[str], most: int) -> list[str]:
    pointer = next((n for n, line in enumerate(lines) if line.startswith("▸")), len(lines) - 1)
    shown = most - 3
    start = max(1, min(pointer + 2, len(lines)) - shown)
    start = min(start, max(pointer, 1))
    stop = start + shown
    before = [f"      … {start - 1} more"] if start > 1 else []
    after = [f"      … {len(lines) - stop} more, undone"] if stop < len(lines) else []
    return [lines[0], *before, *lines[start:stop], *after]


def _assumed(told: Mapping[str, Any] | None) -> bool:
    return bool(told and told.get("assumed"))
