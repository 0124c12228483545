# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""From a recipe to the one that is used: every edge fixed, and which small bins are merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.axes import AZIMUTHS, label_values
from xpcs_mask_bluesky.partitions.axis_bins import outward
from xpcs_mask_bluesky.partitions.extremes import extremes
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.partitions.small_bins import merges
from xpcs_mask_bluesky.qmap import QMap

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.partitions.axis_bins import AxisBins, Limits


def resolved(recipe: PartitionRecipe, qmap: QMap, mask: ArrayLike) -> PartitionRecipe:
    """Return a recipe resolved (see :meth:`PartitionRecipe.resolve`)."""
    counted = np.asarray(mask, dtype=bool)
    fields = recipe.model_dump()
    blocks = fields["groups"] or [fields]
    for block, bins in zip(blocks, recipe.axis_bins(), strict=True):
        both = {each.axis: each.resolved(_limits(each, recipe, qmap, counted)) for each in bins}
        block["edges"] = {axis: coarse for axis, (coarse, _) in both.items()}
        block["static_edges"] = {axis: fine for axis, (_, fine) in both.items()}
        block["ranges"] = {}
    used = PartitionRecipe.model_validate(fields)
    if recipe.small_bins == "merge" and recipe.merged is None:
        fields["merged"] = merges(qmap, counted, used)
        used = PartitionRecipe.model_validate(fields)
    return used


def _limits(bins: AxisBins, recipe: PartitionRecipe, qmap: QMap, mask: NDArray[np.bool_]) -> Limits | None:
    """Return the limits of the mask's pixels, where the recipe gives none."""
    if bins.reach is not None:
        return None
    axis = bins.axis
    low, high = _by_tiles(axis, recipe, qmap, mask) or _by_all(axis, recipe, qmap, mask)
    if not low < high:
        raise ValueError(f"all counted pixels have {axis}={low:g}; give its edges or range")
    return low, high


def _by_tiles(axis: str, recipe: PartitionRecipe, qmap: QMap, mask: NDArray[np.bool_]) -> Limits | None:
    """Return the limits without the whole map; None where that cannot tell them."""
    # a Q-map of another kind may have values of its own
    if type(qmap) is not QMap or mask.shape != qmap.shape:
        return None
    found = extremes(qmap.record, axis, mask, offset=recipe.phi_offset, fold=recipe.symmetry_fold)
    if found is None:
        return None
    least, largest = found
    ends = ((least.low, largest.low), (least.high, largest.high))
    low, high = (outward(*each, azimuth=axis in AZIMUTHS) for each in ends)
    return low if low == high else None


def _by_all(axis: str, recipe: PartitionRecipe, qmap: QMap, mask: NDArray[np.bool_]) -> Limits:
    values = label_values(qmap, axis, recipe)[mask]
    values = values[~np.isnan(values)]
    if not values.size:
        raise ValueError(f"the mask counts no pixel that has a value on {axis}")
    return outward(float(values.min()), float(values.max()), azimuth=axis in AZIMUTHS)
