"""Masks and Q-partitions for XPCS: made from Bluesky runs, kept and served in Tiled.

Every name of the public interface imports from here; nothing is loaded before its first use.
"""

import importlib
from typing import Any

_HOMES = {
    "geometry": ("GeometryRecord",),
    "grazing": ("below_critical_angle", "incident_angle_from_specular", "specular_disagreement"),
    "qmap": ("QMap", "q_derivatives", "q_map"),
    "history": ("History",),
    "masks": (
        "Blemish",
        "Circle",
        "Constraint",
        "DrawnMask",
        "Ellipse",
        "Eraser",
        "FileMask",
        "Grow",
        "ImageReference",
        "Invert",
        "Line",
        "Mask",
        "Outliers",
        "Pixels",
        "Polygon",
        "Rectangle",
        "Shrink",
        "Threshold",
        "evaluate",
    ),
    "calibrate": (
        "Calibrant",
        "CalibrationError",
        "CalibrationProposal",
        "find_beam_center",
        "fit_calibrant",
    ),
    "partitions": (
        "EllipseFrame",
        "Group",
        "Partition",
        "PartitionDifference",
        "PartitionRecipe",
        "SmallBins",
        "partition",
    ),
    "partitions.sensitivity": ("label_sensitivity",),
    "files.qmap_hdf5": ("read_qmap", "write_qmap"),
    "files.declared": ("read_geometry", "read_recipe"),
    "files.foreign_qmap": ("ForeignQmap", "read_foreign_qmap"),
    "files.metadata_hdf": ("read_8id_metadata", "read_metadata_hdf"),
    "files.images": ("file_mask", "read_mask"),
    "files.label_images": ("write_label_image",),
    "files.mask_writing": ("write_mask",),
    "files.nxxpcs": ("write_nxxpcs",),
    "files.qmap_check": ("QmapReport", "check_qmap_file"),
    "files.pixel_lists": ("read_pixels",),
    "pixels": ("FrameStatistics", "Suspect", "leverage", "rejecting", "suspects"),
    "masks.gaps": ("module_gaps",),
    "masks.pixel_mask": ("from_pixel_mask", "to_pixel_mask"),
    "documents.source": ("GeometrySource",),
    "callbacks.callback": ("PartitionCallback",),
    "callbacks.watchlist": ("WatchList",),
    "store.check": ("check_run",),
    "store.staleness": ("Tolerance",),
    "store.uses": ("PartitionUse",),
    "store.errors": (
        "AmbiguousPartition",
        "CatalogUnavailable",
        "Conflict",
        "DamagedData",
        "DamagedLog",
        "NotPermitted",
    ),
    "catalog": ("MaskCatalog",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605  made of the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
