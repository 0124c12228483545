# h5py types what [] returns as any of its kinds.
# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The ``/qmap`` HDF5 file that boost_corr, pyXpcsViewer and pySimpleMask read, and the way back.

What these readers know is written as pySimpleMask 0.4.5 writes it. Beside it, in ``/provenance`` and in
attributes that they pass over, stands all that makes the file lossless for us.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.partitions import Bins, Partition, PartitionRecipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION = "1.0"
CONVENTION = "0-based; an integer is a pixel's centre; arrays are (row, column); x columns, y rows"
_COMPRESSED_ABOVE = 1024
_MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")


def write_qmap(
    part: Partition,
    path: str | os.PathLike[str],
    *,
    run_uid: str = "",
    mask_revision: str = "",
    source_file: str = "",
) -> Path:
    """Write a partition as a ``/qmap`` file, and return its path. A reader never sees half a file.

    Args:
        part: What to write.
        path: Where; an existing file is replaced as a whole. EPICS string PVs hold 39 characters.
        run_uid: The run that it was made for, kept in ``/provenance``.
        mask_revision: The mask's revision, kept in ``/provenance``.
        source_file: Data file that it belongs to, if there is one.

    Warns:
        UserWarning: If the pixels are not square, or the detector swings away from the direct beam: the
            fields ``pixel_size`` and ``beam_center_*`` cannot tell that, ``/provenance`` does.
    """
    target = Path(path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".qmap-", suffix=".part")
    os.close(handle)
    try:
        with h5py.File(temporary, "w") as file:
            _write_group(file.create_group("qmap"), part, source_file)
            _write_provenance(file.create_group("provenance"), part, run_uid, mask_revision)
        with Path(temporary).open("rb") as written:
            os.fsync(written.fileno())  # the log must not name a file that a power cut empties
        Path(temporary).chmod(0o644)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def read_qmap(path: str | os.PathLike[str]) -> Partition:
    """Return the partition of a file that :func:`write_qmap` wrote, with the same digest.

    Raises:
        ValueError: If the file is no HDF5, has no ``/qmap`` or no ``/provenance`` of ours, or was changed
            after it was written.
    """
    try:
        with h5py.File(path, "r") as file:
            return _read(file, str(path))
    except OSError as error:
        raise ValueError(f"{path} cannot be read as HDF5: {error}") from error
    except KeyError as error:
        raise ValueError(f"{path} lacks a dataset of a /qmap file: {error}") from error


def _read(file: h5py.File, path: str) -> Partition:
    for group in ("qmap", "provenance"):
        if group not in file:
            raise ValueError(f"{path} has no /{group}; expected a file that write_qmap wrote")
    qmap, provenance = file["qmap"], file["provenance"]
    if qmap.attrs.get("hash") != _content_hash(qmap):
        raise ValueError(f"{path}: /qmap does not match its hash; was it patched in place?")
    part = Partition.from_arrays(
        record=GeometryRecord.model_validate_json(provenance.attrs["geometry"]),
        requested=PartitionRecipe.model_validate_json(provenance.attrs["recipe_requested"]),
        recipe=PartitionRecipe.model_validate_json(provenance.attrs["recipe"]),
        dynamic_index_mapping=qmap["dynamic_index_mapping"][()],
        static_index_mapping=qmap["static_index_mapping"][()],
        **{name: qmap[name][()] for name in _MAPS},
    )
    if part.digest != provenance.attrs["digest"]:
        raise ValueError(f"{path}: the partition's digest is not the one recorded in /provenance")
    return part


def _write_group(group: h5py.Group, part: Partition, source_file: str) -> None:
    for name in _MAPS:
        _write_array(group, name, getattr(part, name))
    for prefix, bins in (("dynamic", part.dynamic), ("static", part.static)):
        _write_bins(group, prefix, bins, part)
    record = part.record
    center_x, center_y = _exported_center(record)
    for name, value in (
        ("beam_center_x", center_x),
        ("beam_center_y", center_y),
        ("pixel_size", _exported_pixel_size(record)),
        ("detector_distance", record.distance),
        ("energy", record.incident_energy),
    ):
        group[name] = np.float64(value)
    text = h5py.string_dtype("utf-8")
    group.create_dataset("map_names", data=list(part.map_names), dtype=text)
    group.create_dataset("map_units", data=list(part.map_units), dtype=text)
    group.create_dataset("source_file", data=source_file, dtype=text)
    group.attrs["hash"] = _content_hash(group)
    group.attrs["version"] = VERSION
    group.attrs["convention"] = CONVENTION
    group.attrs["partition_digest"] = part.digest


def _write_bins(group: h5py.Group, prefix: str, bins: Bins, part: Partition) -> None:
    group[f"{prefix}_num_pts"] = np.asarray(bins.num_pts, dtype=np.int64)
    _write_array(group, f"{prefix}_index_mapping", bins.index_mapping)
    for dimension, (name, unit) in enumerate(zip(part.map_names, part.map_units, strict=True)):
        centers = bins.centers[dimension]
        dataset = _write_array(group, f"{prefix}_v_list_dim{dimension}", centers)
        dataset.attrs.update({"name": name, "unit": unit, "size": len(centers)})


def _write_array(group: h5py.Group, name: str, array: NDArray[Any]) -> h5py.Dataset:
    compression = "lzf" if array.size > _COMPRESSED_ABOVE else None
    return group.create_dataset(name, data=array, compression=compression)


def _write_provenance(group: h5py.Group, part: Partition, run_uid: str, mask_revision: str) -> None:
    group.attrs["digest"] = part.digest
    group.attrs["geometry"] = part.record.model_dump_json()
    group.attrs["recipe"] = part.recipe.model_dump_json()
    group.attrs["recipe_requested"] = part.requested.model_dump_json()
    group.attrs["run_uid"] = run_uid
    group.attrs["mask_revision"] = mask_revision


def _exported_center(record: GeometryRecord) -> tuple[float, float]:
    center = record.direct_beam
    if center is None:
        warnings.warn(
            f"the direct beam misses the plane of a detector swung by "
            f"({record.swing_angle_horizontal:g}°, {record.swing_angle_vertical:g}°) and tilted by "
            f"({record.tilt_pitch:g}°, {record.tilt_yaw:g}°): "
            "beam_center_x and beam_center_y are written as NaN",
            stacklevel=4,
        )
        return math.nan, math.nan
    return center


def _exported_pixel_size(record: GeometryRecord) -> float:
    if record.x_pixel_size != record.y_pixel_size:
        warnings.warn(
            f"pixels of {record.x_pixel_size:g} × {record.y_pixel_size:g} m are not square: pixel_size "
            "holds x_pixel_size alone; /provenance holds both",
            stacklevel=4,
        )
    return record.x_pixel_size


def _content_hash(group: h5py.Group) -> str:
    """Return the SHA-256 over name, dtype, shape and values of every dataset of the group, by name."""
    digest = hashlib.sha256()
    for name in sorted(group):
        value = group[name][()]
        if isinstance(value, bytes) or (isinstance(value, np.ndarray) and value.dtype == object):
            digest.update(f"{name}{json.dumps(_texts(value))}".encode())
        else:
            array = np.ascontiguousarray(value)
            digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _texts(value: bytes | NDArray[Any]) -> list[str]:
    return [each.decode() for each in ([value] if isinstance(value, bytes) else value.ravel())]
