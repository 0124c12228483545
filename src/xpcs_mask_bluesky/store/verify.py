"""The digest of the raster that a layer's operations make, told in the log and checked against it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.masks import OffDetector, Operation, Outliers, evaluate, operation_from_json
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.state import LAYERS, RawHistory, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xpcs_mask_bluesky.store.detector import DetectorNode

MOST_OPERATIONS = 100
"""Of a layer whose raster's digest an edit tells; more would make the edit slow."""


def raster_digest(detector: DetectorNode, history: RawHistory) -> str | None:
    """Return the digest of what a layer's operations make, where that is quickly told; else None.

    It is told where no operation in force depends on the geometry, looks for outliers, or needs an array
    that this process would have to fetch.
    """
    if len(history.operations) > MOST_OPERATIONS:
        return None
    operations = [operation_from_json(dict(each)) for each in history.operations]
    if any(each.needs_qmap or isinstance(each, Outliers) for each in operations):
        return None
    if not all(detector.blobs.at_hand(digest) for each in operations for digest in each.needs_arrays):
        return None
    return _digest(detector, operations)


def verify(detector: DetectorNode) -> int:
    """Evaluate every state of the log whose raster's digest it tells, and return how many there are.

    Raises:
        DamagedData: one evaluates to another raster here than where it was made.
        DamagedLog: an entry is missing or damaged.
    """
    state, verified = State(), 0
    for entry in detector.commits.after(0, LAYERS):
        state.take(entry)
        told = entry.body.get("raster")
        if told is None:
            continue
        if not makes(detector, state.layers[entry.kind], told):
            raise DamagedData(
                f"log entry {entry.seq}: the {entry.kind} evaluates to another raster here than for "
                f"{entry.author or 'its author'}; is this another version of the package, or the log damaged?"
            )
        verified += 1
    return verified


def makes(detector: DetectorNode, history: RawHistory, raster: str) -> bool:
    """Return whether a layer's operations make the raster with this digest, evaluated here."""
    operations = [operation_from_json(dict(each)) for each in history.operations]
    return _digest(detector, operations) == raster


def _digest(detector: DetectorNode, operations: Sequence[Operation]) -> str:
    with warnings.catch_warnings(action="ignore", category=OffDetector):  # said when it was drawn
        return evaluate(operations, shape=detector.shape, arrays=detector.blobs.get).digest
