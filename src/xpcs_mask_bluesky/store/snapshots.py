"""Rasters of masks that somebody asked to keep: stored once by digest, told in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.masks import Mask
from xpcs_mask_bluesky.store.log import Draft, LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from xpcs_mask_bluesky.store.detector import DetectorNode

SNAPSHOT = "snapshot"


@dataclass(frozen=True)
class Snapshot:
    """A mask as an array in Tiled."""

    digest: str
    """Of the boolean array, under which it is stored."""
    mask_revision: int
    """The newest entry of mask or blemish that it shows; 0 for a mask that is not in the log."""
    time: float
    """When it was taken, seconds since the epoch."""
    author: str
    reason: str
    _array: Callable[[str], np.ndarray]

    def read(self) -> Mask:
        """Return the mask, its digest verified.

        Raises:
            DamagedData: what is stored has another digest.
        """
        return Mask(self._array(self.digest))


def take_snapshot(detector: DetectorNode, mask: Mask, *, revision: int, author: str, reason: str) -> Snapshot:
    """Store a mask's raster, and commit that it is there."""
    digest = detector.blobs.put(np.asarray(mask))
    draft = Draft(
        kind=SNAPSHOT,
        author=author,
        principal=detector.principal,
        reason=reason,
        inputs={"array": digest, "raster": mask.digest},
        lineage={"array": digest},
        body={"mask_revision": revision, "counted": mask.counted},
    )
    entry = detector.commits.append(draft, since=detector.commits.head())
    detector.state.took(entry)
    return snapshot_of(detector, entry)


def snapshot_of(detector: DetectorNode, entry: LogEntry) -> Snapshot:
    """Return the snapshot that an entry tells of."""
    return Snapshot(
        digest=entry.inputs["array"],
        mask_revision=entry.body["mask_revision"],
        time=entry.time,
        author=entry.author,
        reason=entry.reason,
        _array=detector.blobs.get,
    )
