"""pyFAI's PONI text, and the numbers of a geometry that it stands for.

pyFAI counts from a pixel's edge and rotates the detector about the sample, so that ``dist``, ``poni1`` and
``poni2`` are of the point of normal incidence. Its lab axes are 1 (up), 2 and 3 (along the beam); its
orientation says to which of them rows and columns run: 1 and 2 reverse the rows, 1 and 4 the columns.
Sources: https://pyfai.readthedocs.io/en/stable/geometry.html and ``pyFAI/io/ponifile.py`` (2026.9).
"""

from __future__ import annotations

import importlib
import json
import math
import os
from pathlib import Path
from typing import Any, cast

from xpcs_mask_bluesky import rotations, units

_ORIENTATIONS = (1, 2, 3, 4)
_ROWS_REVERSED = (1, 2)
_COLUMNS_REVERSED = (1, 4)


def text_of(path_or_text: str | os.PathLike[str]) -> str:
    """Return a PONI text as it is, or the text of the file that a path names.

    Raises:
        ValueError: If the file is not there or is no text.
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return path_or_text
    try:
        return Path(path_or_text).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path_or_text} cannot be read as a PONI file: {error}") from error


def fields(
    text: str, *, shape: tuple[int, int] | None = None, incident_energy: float | None = None
) -> dict[str, Any]:
    """Return the fields of a geometry record that a PONI text tells.

    Raises:
        ValueError: As :meth:`GeometryRecord.from_poni` says.
    """
    entries = _entries(text)
    if entries.get("parallax", "false").lower() == "true":
        raise ValueError("the PONI file has its parallax correction on, which a geometry cannot express")
    detector = _detector(entries, shape)
    rows, columns = _signs(detector["orientation"])
    rotation = _rotation(rows, columns, *(_number(entries, f"rot{n}", default=0.0) for n in (1, 2, 3)))
    centre_x = _pixel(_number(entries, "poni2"), detector["x_pixel_size"], detector["shape"][1], columns)
    centre_y = _pixel(_number(entries, "poni1"), detector["y_pixel_size"], detector["shape"][0], rows)
    return {
        "incident_energy": _energy(entries, incident_energy),
        "shape": detector["shape"],
        "x_pixel_size": detector["x_pixel_size"],
        "y_pixel_size": detector["y_pixel_size"],
        **_placed(rotation, _number(entries, "distance", "dist"), (centre_x, centre_y), detector),
    }


def text(
    plane: rotations.DetectorPlane,
    *,
    incident_energy: float,
    centre: tuple[float, float],
    pixel: tuple[float, float],
    shape: tuple[int, int],
    orientation: int,
) -> str:
    """Return the PONI text (version 2.1) of a plane whose origin lies at pixel ``centre``, (x, y).

    Raises:
        ValueError: If pyFAI has no such orientation.
    """
    if orientation not in _ORIENTATIONS:
        raise ValueError(f"orientation is {orientation}; pyFAI has 1, 2, 3 and 4")
    rows, columns = _signs(orientation)
    across, down, along = plane.tilt[2]
    foot = (
        centre[0] - plane.distance * across / pixel[0],
        centre[1] - plane.distance * down / pixel[1],
    )
    pitch, yaw, roll = rotations.tilt_angles(rotations.product(plane.swing, plane.tilt))
    config = {"pixel1": pixel[1], "pixel2": pixel[0], "max_shape": list(shape), "orientation": orientation}
    lines = {
        "poni_version": 2.1,
        "Detector": "Detector",
        "Detector_config": json.dumps(config),
        "Distance": plane.distance * along,
        "Poni1": _from_edge(foot[1], pixel[1], shape[0], rows),
        "Poni2": _from_edge(foot[0], pixel[0], shape[1], columns),
        "Rot1": math.radians(-columns * yaw),
        "Rot2": math.radians(rows * pitch),
        "Rot3": math.radians(-rows * columns * roll),
        "Wavelength": units.wavelength(incident_energy=incident_energy) * 1e-10,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def _entries(text: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
    return {name.strip().lower(): value.strip() for name, value in pairs}  # the latest entry is the valid one


def _number(entries: dict[str, str], *names: str, default: float | None = None) -> float:
    found = next((entries[name] for name in names if name in entries), None)
    if found is None or found == "None":
        if default is None:
            raise ValueError(f"the PONI file has no {names[0]}; is it cut off, or of another program?")
        return default
    return _finite(names[0], found)


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} in the PONI file: got {value!r}; expected a number") from error
    if not math.isfinite(number):
        raise ValueError(f"{name} in the PONI file: got {value!r}; expected a finite number")
    return number


def _energy(entries: dict[str, str], given: float | None) -> float:
    if "wavelength" not in entries or entries["wavelength"] == "None":
        if given is None:
            raise ValueError("the PONI file has no wavelength; pass incident_energy= in keV")
        return given
    angstrom = _number(entries, "wavelength") * 1e10
    if angstrom <= 0:
        raise ValueError(f"wavelength in the PONI file: got {entries['wavelength']} m; expected more than 0")
    energy = units.HC / angstrom
    if given is not None and not math.isclose(given, energy, rel_tol=1e-3):
        raise ValueError(f"incident_energy is {given:g} keV, the PONI file's wavelength means {energy:g} keV")
    return energy


def _signs(orientation: int) -> tuple[int, int]:
    """Return +1 or -1: how rows run along pyFAI's axis 1, and columns along its axis 2."""
    return (
        -1 if orientation in _ROWS_REVERSED else 1,
        -1 if orientation in _COLUMNS_REVERSED else 1,
    )


def _rotation(rows: int, columns: int, rot1: float, rot2: float, rot3: float) -> rotations.Matrix:
    """Return pyFAI's ``R3 R2 R1`` in the axes of ours, X along a row and Y down a column."""
    return rotations.tilt(
        pitch=math.degrees(rows * rot2),
        yaw=math.degrees(-columns * rot1),
        roll=math.degrees(-rows * columns * rot3),
    )


def _placed(
    rotation: rotations.Matrix, distance: float, foot: tuple[float, float], detector: dict[str, Any]
) -> dict[str, float]:
    """Return distance, centre and angles of a plane whose foot lies at pixel ``foot``.

    A plane in front of the sample is tilted about the direct beam's point. One that the beam does not
    meet has no such point: it is swung about the sample, and rolled.
    """
    if rotation[2][2] <= 0:
        horizontal, vertical, roll = rotations.swing_angles(rotation)
        angles = {"swing_angle_horizontal": horizontal, "swing_angle_vertical": vertical, "tilt_roll": roll}
        return {"distance": distance, "beam_center_x": foot[0], "beam_center_y": foot[1], **angles}
    across, down, along = rotation[2]
    pitch, yaw, roll = rotations.tilt_angles(rotation)
    return {
        "distance": distance / along,
        "beam_center_x": foot[0] + distance * across / along / detector["x_pixel_size"],
        "beam_center_y": foot[1] + distance * down / along / detector["y_pixel_size"],
        "tilt_pitch": pitch,
        "tilt_yaw": yaw,
        "tilt_roll": roll,
    }


def _pixel(from_edge: float, pixel: float, number: int, sign: int) -> float:
    """Return the pixel, integers on centres, at a length from pyFAI's origin."""
    along = from_edge / pixel - 0.5
    return along if sign > 0 else number - 1 - along


def _from_edge(centre: float, pixel: float, number: int, sign: int) -> float:
    """Return the length from pyFAI's origin, an edge, to a pixel with integers on centres."""
    along = centre if sign > 0 else number - 1 - centre
    return (along + 0.5) * pixel


def _detector(entries: dict[str, str], shape: tuple[int, int] | None) -> dict[str, Any]:
    name, config = entries.get("detector", "Detector"), _config(entries)
    told = config if name == "Detector" else _named(name, config)
    rows_pitch = told.get("pixel1") or entries.get("pixelsize1")
    columns_pitch = told.get("pixel2") or entries.get("pixelsize2")
    size = told.get("max_shape") or shape
    known = {"pixel1": rows_pitch, "pixel2": columns_pitch, "max_shape": size}
    if missing := [key for key, value in known.items() if not value]:
        raise ValueError(
            f"the PONI file names detector {name!r} but not its {', '.join(missing)}; pip install "
            "'xpcs-mask-bluesky[pyfai]' for one that pyFAI knows, or pass shape= for the shape"
        )
    orientation = told.get("orientation") or 3
    if orientation not in _ORIENTATIONS:
        raise ValueError(f"orientation in the PONI file: got {orientation!r}; pyFAI supports 1, 2, 3 and 4")
    return {
        "shape": _shape(size, shape),
        "y_pixel_size": _finite("pixel1", rows_pitch),
        "x_pixel_size": _finite("pixel2", columns_pitch),
        "orientation": orientation,
    }


def _shape(told: Any, expected: tuple[int, int] | None) -> tuple[int, int]:
    try:
        rows, columns = (int(each) for each in told)
    except (TypeError, ValueError) as error:
        raise ValueError(f"max_shape in the PONI file: got {told!r}; expected [rows, columns]") from error
    if expected is not None and (rows, columns) != tuple(expected):
        raise ValueError(f"the PONI file is of a detector of {(rows, columns)}, expected {tuple(expected)}")
    return rows, columns


def _config(entries: dict[str, str]) -> dict[str, Any]:
    try:
        content = json.loads(entries.get("detector_config", "{}"))
    except ValueError as error:
        raise ValueError(f"Detector_config in the PONI file is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Detector_config in the PONI file: got {content!r}; expected a JSON object")
    config = cast("dict[str, Any]", content)
    if config.get("splineFile") or config.get("filename") or os.sep in entries.get("detector", ""):
        raise ValueError("the PONI file's detector has a distortion file; its pixels make no regular grid")
    return config


def _named(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return what pyFAI knows of a detector by its name; what the file tells, where it is not installed."""
    try:
        detectors = importlib.import_module("pyFAI.detectors")
    except ModuleNotFoundError:
        return config
    try:
        found = detectors.detector_factory(name, json.dumps(config))
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"detector {name!r} of the PONI file is unknown to pyFAI") from error
    if not found.uniform_pixel or not found.IS_FLAT:
        raise ValueError(f"the pixels of {name} make no regular flat grid, which a geometry cannot express")
    return {
        "pixel1": found.pixel1,
        "pixel2": found.pixel2,
        "max_shape": found.shape,  # max_shape is that before binning
        "orientation": int(found.orientation),
    }
