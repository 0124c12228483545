"""The names that XPCS Viewer scripts know, on top of this package: masks, Q-maps, partitions, exports.

Parameters and units are the viewer's (keV, mm, px). What the viewer gets wrong is not repeated; the page
"Coming from XPCS Viewer" of the documentation says what differs.
"""

from xpcs_mask_bluesky.simplemask.assemble import MaskAssemble, Step
from xpcs_mask_bluesky.simplemask.geometry import DEFAULTS, ORIENTATIONS, AssumedGeometry, geometry_record
from xpcs_mask_bluesky.simplemask.kernel import SimpleMaskKernel, exported_partition
from xpcs_mask_bluesky.simplemask.layers import (
    MaskArray,
    MaskBase,
    MaskFile,
    MaskList,
    MaskParameter,
    MaskThreshold,
)
from xpcs_mask_bluesky.simplemask.qmaps import (
    UNITS,
    compute_qmap,
    compute_reflection_qmap,
    compute_transmission_qmap,
)

__all__ = [
    "DEFAULTS",
    "ORIENTATIONS",
    "UNITS",
    "AssumedGeometry",
    "MaskArray",
    "MaskAssemble",
    "MaskBase",
    "MaskFile",
    "MaskList",
    "MaskParameter",
    "MaskThreshold",
    "SimpleMaskKernel",
    "Step",
    "compute_qmap",
    "compute_reflection_qmap",
    "compute_transmission_qmap",
    "exported_partition",
    "geometry_record",
]
