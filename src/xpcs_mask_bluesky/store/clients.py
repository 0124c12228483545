"""What Tiled's client returns for our nodes: the entry points ``tiled.special_client`` name these."""

from __future__ import annotations

from xpcs_mask_bluesky.store.nodes import XPCSCommit, XPCSPartition
from xpcs_mask_bluesky.store.picture_client import PictureClient

__all__ = ["XPCSCommit", "XPCSDetector", "XPCSPartition"]


class XPCSDetector(PictureClient):
    """A detector's masks, recipes and partitions; the object that a Tiled client returns for it."""
