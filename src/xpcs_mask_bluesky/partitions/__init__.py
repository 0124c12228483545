"""Partitions: pixels grouped into dynamic bins and the static bins nested in them."""

from xpcs_mask_bluesky.partitions.bins import Bins
from xpcs_mask_bluesky.partitions.difference import BinChange, BinChanges, PartitionDifference
from xpcs_mask_bluesky.partitions.ellipse import EllipseFrame
from xpcs_mask_bluesky.partitions.groups import Group
from xpcs_mask_bluesky.partitions.make import natural_static_index, partition
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.partitions.small_bins import SmallBins
from xpcs_mask_bluesky.partitions.value import Partition

__all__ = [
    "BinChange",
    "BinChanges",
    "Bins",
    "EllipseFrame",
    "Group",
    "Partition",
    "PartitionDifference",
    "PartitionRecipe",
    "SmallBins",
    "natural_static_index",
    "partition",
]
