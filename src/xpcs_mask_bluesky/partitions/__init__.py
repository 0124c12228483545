"""Partitions: pixels grouped into dynamic bins and the static bins nested in them."""

from xpcs_mask_bluesky.partitions.bins import Bins
from xpcs_mask_bluesky.partitions.make import natural_static_index, partition
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.partitions.value import Partition

__all__ = ["Bins", "Partition", "PartitionRecipe", "natural_static_index", "partition"]
