"""The two dimensions of a partition, as files name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpcs_mask_bluesky.qmap import UNITS

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import PartitionRecipe


def dimension_names(recipe: PartitionRecipe) -> tuple[str, ...]:
    """Return the name of each dimension of the label maps."""
    return recipe.axes


def unit_of(dimension: str) -> str:
    """Return the unit of a dimension's values, empty for a number without one."""
    return UNITS.get(dimension, "")
