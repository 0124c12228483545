"""A partition as NeXus: the ``masks`` of NXxpcs, and NXdetector's ``pixel_mask``.

Source: ``contributed_definitions/NXxpcs.nxdl.xml`` and ``base_classes/NXdetector.nxdl.xml`` (NIAC, 2026).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from xpcs_mask_bluesky.files.replacing import replaced
from xpcs_mask_bluesky.masks.pixel_mask import to_pixel_mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import Bins, Partition

NEXUS_UNITS: Mapping[str, str] = {"Å⁻¹": "1/angstrom", "deg": "degree", "px": "pixel"}
"""Our units as UDUNITS spells them; others stay as they are."""
ARBITRARY = "au"
"""Units of a label map, as NXxpcs asks for."""


def write_nxxpcs(
    part: Partition,
    path: str | os.PathLike[str],
    *,
    run_uid: str = "",
    scan_id: int | None = None,
    start_time: str = "",
    count_time: float | None = None,
    frame_time: float | None = None,
) -> Path:
    """Write a partition as an NXxpcs file, and return its path. A reader never sees half a file.

    ``/entry/instrument/masks`` holds both label maps and, per label, a list of each axis: ``dynamic_q_list``
    and ``dynamic_phi_list`` where the partition has such an axis, else the list has the axis' own name.
    ``detector_1/pixel_mask`` has bit 8 where the mask rejects, ``pixel_mask_2`` where the blemish does.
    What NXxpcs requires and a partition does not know is written only if it is given: nothing is made up.

    Args:
        part: What to write.
        path: Where; an existing file is replaced as a whole.
        run_uid: Of the run, if there is one.
        scan_id: Bluesky's number of the run.
        start_time: Of the run, ISO 8601.
        count_time: Exposure of a frame, in s.
        frame_time: From the start of one frame to that of the next, in s.
    """
    told = {
        "entry_identifier": None if scan_id is None else str(scan_id),
        "entry_identifier_uuid": run_uid or None,
        "scan_number": scan_id,
        "start_time": start_time or None,
    }
    with replaced(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["default"] = "entry"
        entry = _group(file, "entry", "NXentry")
        _fields(entry, {"definition": "NXxpcs"} | told)
        _write_instrument(_group(entry, "instrument", "NXinstrument"), part, count_time, frame_time)
        _write_plot(entry)
        _write_process(_group(entry, "process", "NXprocess"), part)
    return Path(path)


def _write_instrument(
    instrument: h5py.Group, part: Partition, count_time: float | None, frame_time: float | None
) -> None:
    beam = _group(instrument, "incident_beam", "NXbeam")
    _fields(beam, {"incident_energy": (part.record.incident_energy, "keV")})
    detector = _group(instrument, "detector_1", "NXdetector")
    _fields(detector, _detector_fields(part.record))
    _fields(detector, {"count_time": _seconds(count_time), "frame_time": _seconds(frame_time)})
    _fields(detector, {"pixel_mask": to_pixel_mask(part.mask), "pixel_mask_2": to_pixel_mask(part.blemish)})
    _write_masks(_group(instrument, "masks", "NXnote"), part)


def _detector_fields(record: GeometryRecord) -> dict[str, Any]:
    center = record.direct_beam or (math.nan, math.nan)
    return {
        "distance": (record.distance, "m"),
        # NXdetector allows pixels here, although the field is an NX_LENGTH: the declared unit decides
        "beam_center_x": (center[0], "pixel"),
        "beam_center_y": (center[1], "pixel"),
        "x_pixel_size": (record.x_pixel_size, "m"),
        "y_pixel_size": (record.y_pixel_size, "m"),
    }


def _seconds(value: float | None) -> tuple[float, str] | None:
    return None if value is None else (value, "s")


def _write_masks(masks: h5py.Group, part: Partition) -> None:
    for prefix, bins in (("dynamic", part.dynamic), ("static", part.static)):
        labels = np.asarray(getattr(part, f"{prefix}_roi_map"))
        dataset = masks.create_dataset(f"{prefix}_roi_map", data=labels, compression="gzip", shuffle=True)
        dataset.attrs["units"] = ARBITRARY
        for name, (values, units) in label_lists(part, bins).items():
            masks[f"{prefix}_{name}_list"] = values
            masks[f"{prefix}_{name}_list"].attrs["units"] = units


def label_lists(part: Partition, bins: Bins) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Return, by axis, the nominal centre of each label along it, and its unit as NeXus spells it."""
    natural = np.unravel_index(bins.index_mapping.astype(np.int64), bins.num_pts)
    told = zip(part.map_names, part.map_units, bins.centers, natural, strict=True)
    return {
        name: (np.asarray(centers)[index], NEXUS_UNITS.get(unit, unit or "1"))
        for name, unit, centers, index in told
    }


def _write_plot(entry: h5py.Group) -> None:
    """Let NeXus viewers show the dynamic map first."""
    data = _group(entry, "data", "NXdata")
    data.attrs["signal"] = "dynamic_roi_map"
    data["dynamic_roi_map"] = entry["instrument/masks/dynamic_roi_map"]
    entry.attrs["default"] = "data"


def _write_process(process: h5py.Group, part: Partition) -> None:
    from xpcs_mask_bluesky.files.qmap_hdf5 import CONVENTION

    told = {"digest": part.digest, "geometry": part.record.model_dump_json(), "convention": CONVENTION}
    told |= {"recipe": part.requested.model_dump_json(), "recipe_resolved": part.recipe.model_dump_json()}
    _fields(process, {"program": "xpcs_mask_bluesky"})
    note = _group(process, "partition", "NXnote")
    _fields(note, told)


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus_class
    return group


def _fields(group: h5py.Group, fields: Mapping[str, Any]) -> None:
    """Write values; a pair has a unit, and what is None is not known and not written."""
    for name, value in fields.items():
        if value is None:
            continue
        if isinstance(value, np.ndarray):
            group.create_dataset(name, data=value, compression="gzip", shuffle=True)
            continue
        plain, unit = value if isinstance(value, tuple) else (value, None)
        group[name] = plain
        if unit is not None:
            group[name].attrs["units"] = unit
