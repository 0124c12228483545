"""Accepted calibrations on their way from the log to the geometry that runs get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.documents.places import Reading
from xpcs_mask_bluesky.documents.source import UNIT_OF
from xpcs_mask_bluesky.store.calibrations import CALIBRATION, AcceptedCalibration, accepted

if TYPE_CHECKING:
    from xpcs_mask_bluesky.documents.source import GeometrySource
    from xpcs_mask_bluesky.documents.tracker import GeometryTracker
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.log import LogEntry


def calibrated_fields(source: GeometrySource) -> set[str]:
    """Return the fields that a source looks for in the accepted calibration.

    Raises:
        ValueError: if a place has another field's key, or a stage shifts the field as well.
    """
    found: set[str] = set()
    for field, places in source.fields.items():
        for place in places:
            if place.where != "calibration":
                continue
            if place.key != field:
                raise ValueError(f"{field} from {place}: the key must be {field!r}, the calibrated field")
            if field in source.shifts:
                raise ValueError(
                    f"{field} from {place}: a calibrated centre holds where the stage stood for its image, "
                    f"and a stage shifts {field} too; take out one of them"
                )
            found.add(field)
    return found


def give(trackers: Iterable[GeometryTracker], detector: DetectorNode) -> None:
    """Let trackers of a detector know the calibration accepted last, if there is one."""
    try:
        newest = accepted(detector)
    except LookupError:
        return
    _tell(trackers, detector.name, newest)


def take(trackers: Iterable[GeometryTracker], detector: str, entries: Sequence[LogEntry]) -> None:
    """Let trackers of a detector know what new log entries accept."""
    newest = [entry for entry in entries if entry.kind == CALIBRATION]
    if newest:
        _tell(trackers, detector, AcceptedCalibration.of(newest[-1]))


def _tell(trackers: Iterable[GeometryTracker], detector: str, calibration: AcceptedCalibration) -> None:
    for tracker in dict.fromkeys(trackers):
        if tracker.source.detector == detector:
            tracker.accepted = _readings(detector, calibration)


def _readings(detector: str, calibration: AcceptedCalibration) -> Mapping[str, Reading]:
    entry = f"{detector}/log/{calibration.revision:08d}"
    return {
        field: Reading(value, UNIT_OF[field], document=entry, stream="", time=calibration.time)
        for field, value in calibration.values.items()
    }
