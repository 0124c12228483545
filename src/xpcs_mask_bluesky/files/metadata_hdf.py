# What an HDF5 file holds is known when it is looked at.
# pyright: reportAttributeAccessIssue=false
"""A NeXus file of metadata beside the data, as run documents: a run that emitted none can be followed too."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import h5py

from xpcs_mask_bluesky.documents import GeometrySource
from xpcs_mask_bluesky.geometry import GeometryRecord

DETECTOR_NAME = "/entry/instrument/detector_1/detector_name"
SWINGS = ("swing_angle_horizontal", "swing_angle_vertical")
_UNIT_ATTRIBUTES = ("units", "unit")
"""NeXus says ``units``; the files of APS 8-ID say ``unit``."""

Document = tuple[str, dict[str, Any]]


def read_metadata_hdf(path: str | Path, *, detector: str) -> list[Document]:
    """Return documents of the run that a metadata file describes, for a callback or a geometry source.

    Each number or text of the file is a configuration key, its path in the file; units as the file
    declares them. The run's uid follows from the file's content, so that reading it again is no new run.

    Args:
        path: Such as ``*_metadata.hdf`` of APS 8-ID.
        detector: Its ophyd name; the run concerns this one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no HDF5 file, or holds nothing below ``/entry/instrument``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    data, units = _values(path)
    if not any(key.startswith("/entry/instrument/") for key in data):
        raise ValueError(f"{path} holds nothing below /entry/instrument; is it a metadata file?")
    with path.open("rb") as file:
        uid = str(uuid.uuid5(uuid.NAMESPACE_OID, hashlib.file_digest(file, "sha256").hexdigest()))
    time = path.stat().st_mtime
    start = {"uid": uid, "time": time, "detectors": [detector], "metadata_file": str(path)}
    descriptor = {
        "uid": str(uuid.uuid5(uuid.UUID(uid), "descriptor")),
        "run_start": uid,
        "name": "primary",
        "time": time,
        "data_keys": {},
        "object_keys": {detector: []},
        "configuration": {
            detector: {
                "data": data,
                "timestamps": dict.fromkeys(data, time),
                "data_keys": {key: {"source": f"{path}:{key}"} | units.get(key, {}) for key in data},
            }
        },
    }
    stop = {"uid": str(uuid.uuid5(uuid.UUID(uid), "stop")), "run_start": uid, "time": time}
    return [("start", start), ("descriptor", descriptor), ("stop", stop | {"exit_status": "success"})]


def read_8id_metadata(
    path: str | Path, *, shape: tuple[int, int], swing: tuple[float, float] | None = None
) -> GeometryRecord:
    """Return the geometry in a metadata file of APS 8-ID, by the preset ``aps-8id-nexus``.

    The centre is the recorded one, moved by the way that the detector's stage went since then.

    Args:
        path: The ``*_metadata.hdf`` file, or a result file, which has it copied.
        shape: Rows and columns of the detector; the file does not hold them.
        swing: Horizontal and vertical, in degrees, for a file that does not hold them.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no HDF5 file, or lacks a number, or a swing angle that is not given either.
    """
    documents = read_metadata_hdf(path, detector="")
    told = documents[1][1]["configuration"][""]["data"]
    if DETECTOR_NAME not in told:
        raise ValueError(f"{Path(path).name} lacks {DETECTOR_NAME}; is it a metadata file of 8-ID?")
    detector = str(told[DETECTOR_NAME]).removesuffix("_epics")
    rows, columns = (str(size) for size in shape)
    source = GeometrySource.preset("aps-8id-nexus", detector=detector, rows=rows, columns=columns)
    found = source.resolve_documents(documents)
    given = {} if swing is None else dict(zip(SWINGS, swing, strict=True))
    for field in SWINGS:
        value, assumed = getattr(found.record, field), found.provenance[field].assumed
        if assumed and field not in given:
            raise ValueError(f"{Path(path).name} does not tell {field}; give the swing if you know it")
        if not assumed and given.get(field, value) != value:
            raise ValueError(f"{field} is {value:g}° in {Path(path).name}, and {given[field]:g}° was given")
    return GeometryRecord.model_validate(found.record.model_dump() | given)


def _values(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """Return the scalars of a file by their path, and the units that are declared."""
    data: dict[str, Any] = {}
    units: dict[str, dict[str, str]] = {}

    def look(name: str, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(node, h5py.Dataset) and node.size == 1:
            data[f"/{name}"] = _plain(node)
            said = [str(node.attrs[each]) for each in _UNIT_ATTRIBUTES if each in node.attrs]
            if said:
                units[f"/{name}"] = {"units": said[0]}

    try:
        with h5py.File(path) as file:
            file.visititems(look)
    except OSError as error:
        raise ValueError(f"{path} cannot be read as HDF5: {error}") from error
    return data, units


def _plain(node: h5py.Dataset) -> Any:
    value = node[()]
    value = value.item() if hasattr(value, "item") else value
    return value.decode(errors="replace") if isinstance(value, bytes) else value
