"""Mend what a log tells how to make again, and only if its digest comes out right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import numpy as np

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.blobs import Blobs
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import BLOBS, PARTITIONS
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.partitions import Partitions
from xpcs_mask_bluesky.store.publish import compute
from xpcs_mask_bluesky.store.views import mask_in

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.detector import DetectorNode


def heal_array(detector: DetectorNode, digest: str, entry: LogEntry) -> None:
    """Store the raster of a snapshot again, evaluated from the log.

    Raises:
        DamagedData: it comes out as another one, or what is stored was finished and cannot be written.
        LookupError: the mask depends on a geometry that is not known.
    """
    state = detector.state.as_of(revision=entry.body["mask_revision"])
    array = np.asarray(mask_in(detector, state, None))
    if array_digest(array) != digest:
        raise DamagedData(f"the mask of entry {entry.seq} evaluates to another raster here")
    Blobs(lambda: detector[BLOBS]).put(array)


def heal_partition(detector: DetectorNode, digest: str, entry: LogEntry, directory: Path | None) -> None:
    """Store a partition again: from its own file if that is right, else computed from the log.

    Args:
        detector: Whose.
        digest: Of the partition.
        entry: That names it.
        directory: Where the partitions' files are, if this process can write them.

    Raises:
        DamagedData: geometry, mask and recipe lead to another one, or it cannot be read back.
    """
    part = _intact_file(digest, directory) or _recomputed(detector, entry)
    if part.digest != digest:
        raise DamagedData(f"geometry, mask and recipe of entry {entry.seq} lead to {part.digest[:12]} here")
    stored = Partitions(lambda: detector[PARTITIONS], directory)
    told = {"run_uid": str(entry.lineage.get("run_uid", "")), "mask_revision": entry.body["mask_revision"]}
    registered = registered_file(detector, digest)
    if registered is None:
        stored.put(part, **told)
    elif directory is None or registered.parent != directory:
        raise DamagedData(f"its file {registered} cannot be written from here; restore it from a copy")
    else:
        stored.rewrite(part, **told)
    stored.get(digest).read()


def _intact_file(digest: str, directory: Path | None) -> Partition | None:
    from xpcs_mask_bluesky.files.qmap_hdf5 import read_qmap

    if directory is None:
        return None
    try:
        part = read_qmap(directory / f"{digest}.hdf")
    except (OSError, ValueError, KeyError):  # none, or not whole
        return None
    return part if part.digest == digest else None


def _recomputed(detector: DetectorNode, entry: LogEntry) -> Partition:
    state = detector.state.as_of(revision=entry.seq)
    record = GeometryRecord.model_validate(entry.body["record"])
    return compute(detector, state, record, str(entry.lineage["name"]))


def registered_file(detector: DetectorNode, digest: str) -> Path | None:
    """Return the file that a partition's node names; None for no node, or one of arrays."""
    try:
        node = detector[PARTITIONS].new_variation(include_data_sources=True)[digest]
    except KeyError:
        return None
    sources = node.data_sources()
    if not sources:
        return None
    (asset,) = sources[0].assets
    return Path(unquote(urlsplit(asset.data_uri).path))
