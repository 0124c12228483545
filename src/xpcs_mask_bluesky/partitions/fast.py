# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The fast path to both label maps: the same labels as by each pixel's value, at memory's speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.axis_bins import axis_bins
from xpcs_mask_bluesky.partitions.counting import label_counts
from xpcs_mask_bluesky.partitions.kernels import looked_up, natural_labels
from xpcs_mask_bluesky.partitions.labels import Labels, label_table
from xpcs_mask_bluesky.partitions.value import dynamic_of_static

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap


def fast_labels(qmap: QMap, wanted: NDArray[np.bool_], resolved: PartitionRecipe) -> Labels | None:
    """Return the labels of a mask, or None for a geometry or a recipe that the kernels do not know.

    They know q and phi in transmission, in equal bins: linear, and for q logarithmic.
    """
    if set(resolved.axes) != {"q", "phi"}:
        return None
    first, second = (axis_bins(qmap.record, resolved, axis) for axis in resolved.axes)
    if first is None or second is None:
        return None
    size = resolved.static[0] * resolved.static[1]
    columns, dtype = np.int32(resolved.static[1]), np.min_scalar_type(size)
    natural = np.asarray(natural_labels(first, second, wanted, columns, dtype=dtype))
    table = label_table(label_counts(natural, size + 1)[1:], dynamic_of_static(resolved))
    static, dynamic, mask = looked_up(natural, table.static_label, table.dynamic_label)
    return Labels(
        mask=np.asarray(mask),
        dynamic_roi_map=np.asarray(dynamic),
        static_roi_map=np.asarray(static),
        dynamic_index_mapping=table.dynamic_mapping,
        static_index_mapping=table.static_mapping,
        static_counts=table.static_counts,
    )
