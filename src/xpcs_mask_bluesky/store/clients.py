"""XPCSDetector: what Tiled's client returns for a detector of ours."""

from __future__ import annotations

from xpcs_mask_bluesky.store.calibration_client import CalibrationClient
from xpcs_mask_bluesky.store.nodes import XPCSCommit, XPCSPartition
from xpcs_mask_bluesky.store.picture_client import PictureClient

__all__ = ["XPCSCommit", "XPCSDetector", "XPCSPartition"]


class XPCSDetector(  # pyright: ignore[reportIncompatibleMethodOverride]  subscribe: ours knows partitions
    PictureClient, CalibrationClient
):
    """A detector's masks, recipes, partitions and calibrations: what Tiled's client returns for it."""
