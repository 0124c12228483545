"""The geometry in a ``*_metadata.hdf`` file that APS 8-ID writes beside its data, or in a result file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.files.hdf5_content import Content, described, member_group, read_content
from xpcs_mask_bluesky.geometry import GeometryRecord

DETECTOR, BEAM = "/entry/instrument/detector_1", "/entry/instrument/incident_beam"


@dataclass(frozen=True)
class _Place:
    group: str
    name: str
    unit: str
    """Ours. 8-ID writes values in it; a unit that the dataset itself declares is converted."""
    tagged_wrongly: bool = False
    """Whether the unit that is declared there says nothing."""


PLACES: Mapping[str, _Place] = {
    "incident_energy": _Place(BEAM, "incident_energy", "keV"),
    "distance": _Place(DETECTOR, "distance", "m"),
    "x_pixel_size": _Place(DETECTOR, "x_pixel_size", "m"),
    "y_pixel_size": _Place(DETECTOR, "y_pixel_size", "m"),
    # pixels, although the files tag them with m, as NXdetector's schema has it
    "recorded_x": _Place(DETECTOR, "beam_center_x", "px", tagged_wrongly=True),
    "recorded_y": _Place(DETECTOR, "beam_center_y", "px", tagged_wrongly=True),
    "position_x": _Place(DETECTOR, "position_x", "m"),
    "position_y": _Place(DETECTOR, "position_y", "m"),
    "recorded_position_x": _Place(DETECTOR, "beam_center_position_x", "m"),
    "recorded_position_y": _Place(DETECTOR, "beam_center_position_y", "m"),
    "swing_angle_horizontal": _Place(DETECTOR, "flightpath_swing", "deg"),
    "swing_angle_vertical": _Place(DETECTOR, "flightpath_swing_vertical", "deg"),
}


def read_8id_metadata(
    path: str | os.PathLike[str], *, shape: tuple[int, int], **told: float
) -> GeometryRecord:
    """Return the geometry in a metadata file of 8-ID.

    The centre is the recorded one, moved by the way that the detector's stage went since then.

    Args:
        path: The ``*_metadata.hdf`` file, or a result file, which has it copied.
        shape: Rows and columns of the detector; the file does not hold them.
        told: Fields of a geometry that the file lacks, such as ``swing_angle_vertical=``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no HDF5 file, or lacks a number that is not told.
    """
    found = _numbers(Path(path))
    needed = [name for name in PLACES if name not in told]
    if missing := [name for name in needed if name not in found]:
        places = ", ".join(f"{PLACES[name].group}/{PLACES[name].name}" for name in missing)
        names = ", ".join(f"{name}=" for name in missing if name in GeometryRecord.model_fields)
        hint = f"; pass {names} if you know it" if names else ""
        raise ValueError(f"{Path(path).name} lacks {places}{hint}")
    values = found | told
    centre = {
        f"beam_center_{axis}": values[f"recorded_{axis}"]
        + (values[f"position_{axis}"] - values[f"recorded_position_{axis}"]) / values[f"{axis}_pixel_size"]
        for axis in ("x", "y")
    }
    fields = {name: value for name, value in values.items() if name in GeometryRecord.model_fields}
    return GeometryRecord.model_validate(fields | centre | {"shape": shape})


def _numbers(path: Path) -> dict[str, float]:
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with h5py.File(path, "r") as file:
            contents = {name: _content(file, name) for name in (DETECTOR, BEAM)}
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path.name} cannot be read as HDF5: {error}") from error
    found = {}
    for name, place in PLACES.items():
        content = contents[place.group]
        if place.name in content.datasets:
            found[name] = _number(content, place)
    return found


def _content(file: object, group: str) -> Content:
    import h5py

    here = member_group(file, group) if isinstance(file, h5py.File) else None
    if here is None:
        return Content()
    return read_content(here, names=[place.name for place in PLACES.values() if place.group == group])


def _number(content: Content, place: _Place) -> float:
    value, where = content.datasets[place.name], f"{place.group}/{place.name}"
    if isinstance(value, (str, tuple)) or np.size(value) != 1:
        raise ValueError(f"{where} is {described(value)}; expected one number")
    number = float(np.ravel(value)[0])
    declared = content.marks[place.name].get("units")
    if place.tagged_wrongly or not isinstance(declared, str) or not declared.strip():
        return number
    try:
        return units.magnitude(number, declared, unit=place.unit)
    except units.UnitError as error:
        raise ValueError(f"{where}: {error}") from error
