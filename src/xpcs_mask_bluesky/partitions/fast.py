# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The fast path to both label maps: the same labels as by each pixel's value, at memory's speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.counting import label_counts
from xpcs_mask_bluesky.partitions.kernels import looked_up
from xpcs_mask_bluesky.partitions.labels import Labels, label_table
from xpcs_mask_bluesky.partitions.natural import natural_index_map
from xpcs_mask_bluesky.partitions.value import dynamic_of_static

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap


def fast_labels(qmap: QMap, wanted: NDArray[np.bool_], resolved: PartitionRecipe) -> Labels | None:
    """Return the labels of a mask, or None for a geometry or a recipe that the kernels do not know.

    They know q and phi in transmission, in equal bins: linear, and for q logarithmic.
    """
    natural = natural_index_map(qmap.record, resolved)
    if natural is None:
        return None
    counts = label_counts(natural, wanted, resolved.static[0] * resolved.static[1] + 1)
    table = label_table(counts[1:], dynamic_of_static(resolved))
    static, dynamic, mask = looked_up(natural, wanted, table.static_label, table.dynamic_label)
    return Labels(
        mask=np.asarray(mask),
        dynamic_roi_map=np.asarray(dynamic),
        static_roi_map=np.asarray(static),
        dynamic_index_mapping=table.dynamic_mapping,
        static_index_mapping=table.static_mapping,
        static_counts=table.static_counts,
    )
