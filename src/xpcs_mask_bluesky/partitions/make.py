"""From a Q-map, a mask and a recipe to the partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.axes import AZIMUTHS
from xpcs_mask_bluesky.partitions.fast import fast_labels
from xpcs_mask_bluesky.partitions.grid import WHOLE_TURN, Grid, fits_period
from xpcs_mask_bluesky.partitions.labels import Labels, label_table
from xpcs_mask_bluesky.partitions.small_bins import treated
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
    wanted = _boolean(mask, qmap, "mask")
    good = np.ones(qmap.shape, bool) if blemish is None else _boolean(blemish, qmap, "blemish").copy()
    if blemish is not None:
        wanted = wanted & good
    if not wanted.any():
        raise ValueError("the mask counts no pixel: nothing to partition")
    used = (resolved or recipe).resolve(qmap, wanted)
    labels = _fast_labels(qmap, wanted, used) or _generic_labels(qmap, wanted, used)
    _check_room(int(labels.static_counts.sum()), used)
    labels, used = treated(labels, used)
    if not len(labels.static_counts):
        raise ValueError(
            f"no static bin has {used.minimum_pixels} pixels, and all are dropped; "
            "ask for fewer bins or a smaller minimum_pixels"
        )
    return Partition(
        record=qmap.record,
        requested=recipe,
        recipe=used,
        mask=frozen(labels.mask),
        blemish=frozen(good),
        dynamic_roi_map=frozen(labels.dynamic_roi_map),
        static_roi_map=frozen(labels.static_roi_map),
        dynamic_index_mapping=frozen(labels.dynamic_index_mapping),
        static_index_mapping=frozen(labels.static_index_mapping),
        _static_counts=labels.static_counts,
    )


def _fast_labels(qmap: QMap, wanted: Bits, resolved: PartitionRecipe) -> Labels | None:
    """Return the labels by compiled kernels, or None for what these do not know."""
    if resolved.groups:
        return None
    if resolved.axes == ("q",):  # the same bins, said as the pair of axes that kernels know
        edges = {"q": resolved.edges["q"], "phi": WHOLE_TURN}
        static = {"q": resolved.static_edges["q"], "phi": WHOLE_TURN}
        pair = {"axes": ("q", "phi"), "edges": edges, "static_edges": static}
        return fast_labels(qmap, wanted, resolved.model_copy(update=pair))
    across = (
        not fits_period(resolved.static_edges[axis], resolved.symmetry_fold)
        for axis in resolved.axes
        if axis in AZIMUTHS
    )
    return None if any(across) else fast_labels(qmap, wanted, resolved)


def _generic_labels(qmap: QMap, wanted: Bits, resolved: PartitionRecipe) -> Labels:
    """Return the labels by each pixel's value: any axes, any edges; the fast path gives the same."""
    natural = np.where(wanted, natural_static_index(qmap, resolved), np.int32(-1))
    counts = np.bincount(natural.ravel() + 1, minlength=resolved.static[0] * resolved.static[1] + 1)
    table = label_table(counts[1:], dynamic_of_static(resolved))
    return Labels(
        mask=natural >= 0,
        dynamic_roi_map=table.dynamic_label[natural + 1],
        static_roi_map=table.static_label[natural + 1],
        dynamic_index_mapping=table.dynamic_mapping,
        static_index_mapping=table.static_mapping,
        static_counts=table.static_counts,
    )


def natural_static_index(qmap: QMap, resolved: PartitionRecipe) -> NDArray[np.int32]:
    """Return each pixel's natural static index, whatever the mask: 0-based, -1 = in no bin.

    The second dimension runs fastest. This is what never moves while the geometry stands still. Merged and
    dropped bins are not taken into account.
    """
    return Grid.of(resolved, "static").natural_index(qmap)


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


def _check_room(pixels: int, recipe: PartitionRecipe) -> None:
    if not pixels:
        raise ValueError("no counted pixel falls into a bin; do edges and ranges fit this geometry?")
    bins = Grid.of(recipe, "static").cells
    if bins > pixels:
        said = f"{bins}" if recipe.groups else f"{recipe.static[0]}×{recipe.static[1]}"
        raise ValueError(f"{said} static bins are more than the {pixels} pixels counted; ask for fewer bins")
