# h5py types what [] returns as any of its kinds.
# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The ``/qmap`` HDF5 file that boost_corr, pyXpcsViewer and pySimpleMask read, and the way back.

What these readers know is written as pySimpleMask 0.4.5 writes it. Beside it, in ``/provenance`` and in
attributes that they pass over, stands all that makes the file lossless for us.
"""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xpcs_mask_bluesky.files.hdf5_content import Content, member_group, read_content
from xpcs_mask_bluesky.files.packing import LZF, create_packed
from xpcs_mask_bluesky.files.replacing import replaced
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.partitions import Bins, Partition, PartitionRecipe
from xpcs_mask_bluesky.threads import Threads, threads_at_most

VERSION = "1.0"
CONVENTION = "0-based; an integer is a pixel's centre; arrays are (row, column); x columns, y rows"
THREADS = 2
_COMPRESSED_ABOVE = 1024
_MAPPINGS = ("dynamic_index_mapping", "static_index_mapping")
_MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")


def write_qmap(
    part: Partition,
    path: str | os.PathLike[str],
    *,
    run_uid: str = "",
    mask_revision: str = "",
    source_file: str = "",
    quiet: bool = False,
) -> Path:
    """Write a partition as a ``/qmap`` file, and return its path. A reader never sees half a file.

    Args:
        part: What to write.
        path: Where; an existing file is replaced as a whole. EPICS string PVs hold 39 characters.
        run_uid: The run that it was made for, kept in ``/provenance``.
        mask_revision: The mask's revision, kept in ``/provenance``.
        source_file: Data file that it belongs to, if there is one.
        quiet: Do not warn: the file is for ourselves.

    Warns:
        UserWarning: If the pixels are not square, or the direct beam misses the detector's plane: the
            fields ``pixel_size`` and ``beam_center_*`` cannot tell that, ``/provenance`` does.
    """
    if not quiet:
        _warn(part.record)
    with replaced(path) as temporary, h5py.File(temporary, "w") as file:
        _write_group(file.create_group("qmap"), part, source_file)
        _write_provenance(file.create_group("provenance"), part, run_uid, mask_revision)
    return Path(path)


def qmap_bytes(part: Partition, *, run_uid: str = "", mask_revision: str = "") -> bytes:
    """Return what :func:`write_qmap` would write, for a file that another process writes.

    Args:
        part: What to write.
        run_uid: The run that it was made for, kept in ``/provenance``.
        mask_revision: The mask's revision, kept in ``/provenance``.
    """
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        _write_group(file.create_group("qmap"), part, "")
        _write_provenance(file.create_group("provenance"), part, run_uid, mask_revision)
        file.flush()
        return file.id.get_file_image()


def read_qmap(path: str | os.PathLike[str]) -> Partition:
    """Return the partition of a file that :func:`write_qmap` wrote, with the same digest.

    Files of other programs are read by :func:`~xpcs_mask_bluesky.read_foreign_qmap`.

    Raises:
        ValueError: If the file is no HDF5, has no ``/qmap`` or no ``/provenance`` of ours, was changed
            after it was written, or declares more than a ``/qmap`` file may hold.
    """
    try:
        with h5py.File(path, "r") as file:
            return partition_of(*(_content(file, name, str(path)) for name in ("qmap", "provenance")))
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read as HDF5: {error}") from error
    except KeyError as error:
        raise ValueError(f"{path} lacks {error} of a /qmap file") from error
    except ValueError as error:
        raise ValueError(error if str(path) in str(error) else f"{path}: {error}") from error


def _content(file: h5py.File, name: str, path: str) -> Content:
    group = member_group(file, name)
    if group is None:
        raise ValueError(
            f"{path} has no /{name}; expected a file that write_qmap wrote (read_foreign_qmap reads others)"
        )
    return read_content(group, filters=(LZF,))


def partition_of(qmap: Content, provenance: Content) -> Partition:
    """Return the partition that both groups of a file of ours hold.

    Raises:
        ValueError: If they do not match their hash and digest.
        KeyError: If a dataset or attribute is missing.
    """
    with Threads(1, "xpcs-mask-check") as beside:
        part = beside.submit(_checked, qmap, provenance)
        if qmap.text("hash") != qmap.digest():
            raise ValueError("/qmap does not match its hash; was it patched in place?")
        return part.result()


def _checked(qmap: Content, provenance: Content) -> Partition:
    for name in _MAPS:
        if qmap.datasets[name].max(initial=0) > qmap.datasets[name].size:
            raise ValueError(
                f"{name} has labels up to {qmap.datasets[name].max()}, more than there are pixels"
            )
    told = provenance.attributes
    part = Partition.from_arrays(
        record=GeometryRecord.model_validate_json(told["geometry"]),
        requested=PartitionRecipe.model_validate_json(told["recipe_requested"]),
        recipe=PartitionRecipe.model_validate_json(told["recipe"]),
        **{name: qmap.datasets[name] for name in (*_MAPS, *_MAPPINGS)},
    )
    if part.digest != told["digest"]:
        raise ValueError("the partition's digest is not the one recorded in /provenance")
    return part


def _write_group(group: h5py.Group, part: Partition, source_file: str) -> None:
    content = qmap_content(part, source_file)
    large = {name: value for name, value in content.datasets.items() if _is_large(value)}
    with Threads(threads_at_most(THREADS), "xpcs-mask-pack") as threads:
        digest = threads.submit(content.digest)
        create_packed(group, large, threads)
        for name in content.datasets.keys() - large.keys():
            _write(group, name, content.datasets[name])
        for name, marks in content.marks.items():
            group[name].attrs.update(marks)
        group.attrs.update(content.attributes)
        group.attrs["hash"] = digest.result()


def qmap_content(part: Partition, source_file: str = "") -> Content:
    """Return what the group ``/qmap`` of a partition holds, but for its hash."""
    record = part.record
    center_x, center_y = record.direct_beam or (math.nan, math.nan)
    scalars = {
        "beam_center_x": center_x,
        "beam_center_y": center_y,
        "pixel_size": record.x_pixel_size,
        "detector_distance": record.distance,
        "energy": record.incident_energy,
    }
    content = Content(
        datasets={name: np.asarray(getattr(part, name)) for name in _MAPS}
        | {name: np.float64(value) for name, value in scalars.items()}
        | {
            "map_names": tuple(part.map_names),
            "map_units": tuple(part.map_units),
            "source_file": source_file,
        },
        attributes={"version": VERSION, "convention": CONVENTION, "partition_digest": part.digest},
    )
    for prefix, bins in (("dynamic", part.dynamic), ("static", part.static)):
        _add_bins(content, prefix, bins, part)
    return content


def _add_bins(content: Content, prefix: str, bins: Bins, part: Partition) -> None:
    content.datasets[f"{prefix}_num_pts"] = np.asarray(bins.num_pts, dtype=np.int64)
    content.datasets[f"{prefix}_index_mapping"] = np.asarray(bins.index_mapping)
    told = zip(part.map_names, part.map_units, bins.centers, strict=True)
    for dimension, (axis, unit, centers) in enumerate(told):
        name = f"{prefix}_v_list_dim{dimension}"
        content.datasets[name] = np.asarray(centers)
        content.marks[name] = {"name": axis, "unit": unit, "size": len(centers)}


def _is_large(value: Any) -> bool:
    return not isinstance(value, (str, tuple)) and value.size > _COMPRESSED_ABOVE


def _write(group: h5py.Group, name: str, value: Any) -> None:
    if isinstance(value, (str, tuple)):
        data = value if isinstance(value, str) else list(value)
        group.create_dataset(name, data=data, dtype=h5py.string_dtype("utf-8"))
    else:
        group.create_dataset(name, data=value)


def _write_provenance(group: h5py.Group, part: Partition, run_uid: str, mask_revision: str) -> None:
    group.attrs["digest"] = part.digest
    group.attrs["geometry"] = part.record.model_dump_json()
    group.attrs["recipe"] = part.recipe.model_dump_json()
    group.attrs["recipe_requested"] = part.requested.model_dump_json()
    group.attrs["run_uid"] = run_uid
    group.attrs["mask_revision"] = mask_revision


def _warn(record: GeometryRecord) -> None:
    """Warn of what the fields that other programs read cannot tell."""
    if record.direct_beam is None:
        warnings.warn(
            f"the direct beam misses the plane of a detector swung by "
            f"({record.swing_angle_horizontal:g}°, {record.swing_angle_vertical:g}°) and tilted by "
            f"({record.tilt_pitch:g}°, {record.tilt_yaw:g}°): "
            "beam_center_x and beam_center_y are written as NaN",
            stacklevel=3,
        )
    if record.x_pixel_size != record.y_pixel_size:
        warnings.warn(
            f"pixels of {record.x_pixel_size:g} × {record.y_pixel_size:g} m are not square: pixel_size "
            "holds x_pixel_size alone; /provenance holds both",
            stacklevel=3,
        )
