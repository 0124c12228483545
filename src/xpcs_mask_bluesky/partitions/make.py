"""From a Q-map, a mask and a recipe to the partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import label_coordinate
from xpcs_mask_bluesky.partitions.bins import bin_index, closed_labels
from xpcs_mask_bluesky.partitions.value import Partition, dynamic_of_static, frozen

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap

    Bits = NDArray[np.bool_]


def partition(
    qmap: QMap,
    mask: ArrayLike,
    recipe: PartitionRecipe,
    blemish: ArrayLike | None = None,
    *,
    resolved: PartitionRecipe | None = None,
) -> Partition:
    """Return the partition of a geometry's Q-map under a mask, by a recipe.

    Args:
        qmap: Of the geometry.
        mask: Boolean ``(rows, columns)``, True = counted.
        recipe: What is asked for.
        blemish: The detector's own mask, True = good; it takes its bad pixels out of ``mask``.
        resolved: An earlier resolution of ``recipe`` to use again, so that re-masking moves no pixel.

    Raises:
        ValueError: If a mask has another shape than the Q-map, no pixel is left, an axis is unknown, or
            there are more static bins than counted pixels.
    """
    good = np.ones(qmap.shape, bool) if blemish is None else _boolean(blemish, qmap, "blemish")
    wanted = _boolean(mask, qmap, "mask") & good
    if not wanted.any():
        raise ValueError("the mask counts no pixel: nothing to partition")
    used = (resolved or recipe).resolve(qmap, wanted)
    natural = natural_static_index(qmap, used)
    natural = np.where(wanted, natural, np.int32(-1))
    _check_room(natural, used)
    static_map, static_mapping, _ = closed_labels(natural, used.static[0] * used.static[1])
    coarse = dynamic_of_static(used)
    dynamic = np.where(natural >= 0, coarse[natural], np.int32(-1))
    dynamic_map, dynamic_mapping, _ = closed_labels(dynamic, used.dynamic[0] * used.dynamic[1])
    return Partition(
        record=qmap.record,
        requested=recipe,
        recipe=used,
        mask=frozen(natural >= 0),
        blemish=frozen(good.copy()),
        dynamic_roi_map=frozen(dynamic_map),
        static_roi_map=frozen(static_map),
        dynamic_index_mapping=frozen(dynamic_mapping),
        static_index_mapping=frozen(static_mapping),
    )


def natural_static_index(qmap: QMap, resolved: PartitionRecipe) -> NDArray[np.int32]:
    """Return each pixel's natural static index, whatever the mask: 0-based, -1 = in no bin.

    The second axis runs fastest. This is what never moves while the geometry stands still.
    """
    first, second = (
        bin_index(
            label_coordinate(qmap, axis, resolved.phi_offset, resolved.symmetry_fold),
            resolved.static_edges[axis],
        )
        for axis in resolved.axes
    )
    natural = first * np.int32(resolved.static[1]) + second
    natural[(first < 0) | (second < 0)] = -1
    return natural


def _boolean(mask: ArrayLike, qmap: QMap, what: str) -> Bits:
    array = np.asarray(mask)
    if array.shape != qmap.shape:
        hint = (
            "; was it saved transposed?" if array.shape == qmap.shape[::-1] else "; is it another detector's?"
        )
        raise ValueError(f"{what} is {array.shape}, the detector {qmap.shape} (rows, columns){hint}")
    if array.dtype != bool:
        raise ValueError(f"{what} is {array.dtype}; expected bool, True = counted")
    return array


def _check_room(natural: NDArray[np.int32], recipe: PartitionRecipe) -> None:
    bins, pixels = recipe.static[0] * recipe.static[1], int(np.count_nonzero(natural >= 0))
    if not pixels:
        raise ValueError("no counted pixel falls into a bin; do edges and ranges fit this geometry?")
    if bins > pixels:
        raise ValueError(
            f"{recipe.static[0]}×{recipe.static[1]} static bins are more than the {pixels} pixels "
            "counted; ask for fewer bins"
        )
