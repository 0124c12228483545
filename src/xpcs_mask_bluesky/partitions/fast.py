# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The fast path to both label maps: the same labels as by each pixel's value, at memory's speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.kernels import looked_up
from xpcs_mask_bluesky.partitions.labels import Labels, Table, label_table
from xpcs_mask_bluesky.partitions.natural import natural_index_map
from xpcs_mask_bluesky.partitions.value import dynamic_of_static
from xpcs_mask_bluesky.qmap.rows import Rows, by_rows, rows_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap

    Numbers = NDArray[np.unsignedinteger]


def fast_labels(qmap: QMap, wanted: NDArray[np.bool_], resolved: PartitionRecipe) -> Labels | None:
    """Return the labels of a mask, or None for a geometry or a recipe that the kernels do not know.

    They know q and phi in transmission, in equal bins: linear, and for q logarithmic.
    """
    natural = natural_index_map(qmap.record, resolved)
    if natural is None:
        return None
    parents = dynamic_of_static(resolved)
    table = label_table(natural.under(wanted), parents)
    static, dynamic = _maps(natural.labels, wanted, table)
    return Labels(
        mask=static > 0,
        dynamic_roi_map=dynamic,
        static_roi_map=static,
        dynamic_index_mapping=table.dynamic_mapping,
        static_index_mapping=table.static_mapping,
        static_counts=table.static_counts,
    )


def _maps(natural: Numbers, mask: NDArray[np.bool_], table: Table) -> tuple[Numbers, Numbers]:
    """Return the static and the dynamic map."""
    tables = table.static_label, table.dynamic_label
    size = rows_at_once(natural.shape, sum(each.itemsize for each in tables))
    if size == natural.shape[0]:
        static, dynamic = looked_up(natural, mask, *tables)
        return np.asarray(static), np.asarray(dynamic)
    maps: list[Numbers] = [np.empty(natural.shape, each.dtype) for each in tables]

    def fill(rows: Rows) -> None:
        found = looked_up(natural[rows.computed], mask[rows.computed], *tables)
        for each, block in zip(maps, found, strict=True):
            each[rows.wanted] = np.asarray(block)[rows.of_block]

    by_rows(fill, natural.shape, size)
    return maps[0], maps[1]
