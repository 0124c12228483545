"""Calibrations that a person accepted: entries of the log, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tiled.queries import Comparison, Eq

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.masks import ImageReference
from xpcs_mask_bluesky.store.log import Draft, LogEntry

if TYPE_CHECKING:
    from xpcs_mask_bluesky.calibrate import CalibrationProposal
    from xpcs_mask_bluesky.store.detector import DetectorNode

CALIBRATION = "calibration accepted"


@dataclass(frozen=True, kw_only=True)
class AcceptedCalibration:
    """Values of the geometry that somebody took over from a proposal."""

    values: Mapping[str, float]
    """By field of the geometry: the beam centre in px, the distance in m."""
    uncertainties: Mapping[str, float]
    """Standard ones, in the same units."""
    record: GeometryRecord
    """The whole geometry of the image that it was taken from."""
    image: ImageReference
    """What it was taken from."""
    calibrant: str | None
    author: str
    reason: str
    time: float
    """When it was accepted, seconds since the epoch."""
    revision: int
    """Number of the log entry."""

    @classmethod
    def of(cls, entry: LogEntry) -> AcceptedCalibration:
        """Return what an entry of the log says."""
        body = entry.body
        return cls(
            values=dict(body["values"]),
            uncertainties=dict(body["uncertainties"]),
            record=GeometryRecord.model_validate(body["record"]),
            image=ImageReference.model_validate(body["image"]),
            calibrant=body["calibrant"],
            author=entry.author,
            reason=entry.reason,
            time=entry.time,
            revision=entry.seq,
        )

    def describe(self) -> str:
        """Return one line for people."""
        said = ", ".join(
            f"{field} {value:.6g} ± {self.uncertainties[field]:.2g}" for field, value in self.values.items()
        )
        return f"{self.revision} {CALIBRATION} by {self.author or 'unknown'}: {said}"


def accept(
    detector: DetectorNode, proposal: CalibrationProposal, *, author: str, reason: str
) -> AcceptedCalibration:
    """Commit a proposal.

    Raises:
        ValueError: it is of another detector shape, or no reason is given.
    """
    detector.check_shape(proposal.record.shape, "the calibration's image")
    if not reason.strip():
        raise ValueError("a calibration is accepted with a reason=, for whoever reads the log later")
    draft = Draft(
        kind=CALIBRATION,
        author=author,
        principal=detector.principal,
        reason=reason,
        inputs={"image": proposal.image.digest, "mask": proposal.mask, "geometry": proposal.record.digest},
        lineage={"run_uid": proposal.image.run},
        body=_body(proposal),
    )
    entry = detector.commits.append(draft, since=detector.commits.head())
    detector.state.took(entry)
    return AcceptedCalibration.of(entry)


def accepted(detector: DetectorNode, *, at: datetime | None = None) -> AcceptedCalibration:
    """Return the newest accepted calibration, or the newest at a time.

    Raises:
        LookupError: there is none.
        ValueError: ``at`` has no time zone.
    """
    from xpcs_mask_bluesky.store.lookup import timestamp

    queries: list[Any] = [Eq("kind", CALIBRATION)]
    if at is not None:
        queries.append(Comparison("le", "time", timestamp(at)))
    entry = detector.commits.last(*queries)
    if entry is None:
        when = "" if at is None else f" by {at.isoformat()}"
        raise LookupError(f"no calibration of {detector.name!r} was accepted{when}; see accept_calibration")
    return AcceptedCalibration.of(entry)


def _body(proposal: CalibrationProposal) -> dict[str, Any]:
    return {
        **proposal.model_dump(mode="json"),
        "values": {field: getattr(proposal.record, field) for field in proposal.fields},
        "uncertainties": proposal.uncertainties,
    }
