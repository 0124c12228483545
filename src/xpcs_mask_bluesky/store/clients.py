"""XPCSDetector: what Tiled's client returns for a detector of ours."""

from __future__ import annotations

from xpcs_mask_bluesky.store.calibration_client import CalibrationClient
from xpcs_mask_bluesky.store.mask_client import MaskClient
from xpcs_mask_bluesky.store.partition_client import PartitionClient


class XPCSDetector(MaskClient, PartitionClient, CalibrationClient):
    """A detector's masks, recipes, partitions and calibrations: what Tiled's client returns for it."""
