"""The digest of the raster that a layer's operations make, told in the log and checked against it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.masks import Mask, OffDetector, Operation, Outliers, evaluate, operation_from_json
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.state import LAYERS, RawHistory, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xpcs_mask_bluesky.store.detector import DetectorNode

MOST_OPERATIONS = 100
"""Of a layer whose raster's digest an edit tells; more would make the edit slow."""


def quick_raster(detector: DetectorNode, history: RawHistory) -> tuple[Mask, bool] | None:
    """Return what a layer's operations make, as far as that is quickly told, and whether it is all of it.

    Operations that depend on the geometry, look for outliers, or need an array that this process would
    have to fetch, are left out. None: there are too many.
    """
    if len(history.operations) > MOST_OPERATIONS:
        return None
    operations = [operation_from_json(dict(each)) for each in history.operations]
    quick = [each for each in operations if _is_quick(detector, each)]
    return _evaluated(detector, quick), len(quick) == len(operations)


def _is_quick(detector: DetectorNode, operation: Operation) -> bool:
    if operation.needs_qmap or isinstance(operation, Outliers):
        return False
    return all(map(detector.blobs.at_hand, operation.needs_arrays))


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
    return _evaluated(detector, operations).digest == raster


def _evaluated(detector: DetectorNode, operations: Sequence[Operation]) -> Mask:
    with warnings.catch_warnings(action="ignore", category=OffDetector):  # said when it was drawn
        return evaluate(operations, shape=detector.shape, arrays=detector.blobs.get)
