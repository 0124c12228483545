"""What the callback hands to its worker: small values with a JSON round trip."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.documents.places import Provenance
from xpcs_mask_bluesky.documents.tracker import GeometryChange, GeometryFault
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.uses import GeometryNote


@dataclass(frozen=True, kw_only=True)
class Job:
    """A geometry to publish for a part of a run, a fault to write down, or a geometry to publish anew."""

    kind: Literal["geometry", "fault", "republish"]
    detector: str
    name: str
    """Of the recipe."""
    run_uid: str
    """Empty for a republication between runs."""
    stream: str
    seq_num: int
    time: float
    """Of the document, seconds since the epoch."""
    received: float
    """When the document came, seconds since the epoch."""
    record: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    message: str = ""
    """Of a fault; of a republication, why."""

    @property
    def key(self) -> str:
        """Equal for jobs that say the same, so that nothing is published twice."""
        return json_digest(
            [
                self.kind,
                self.run_uid,
                self.detector,
                self.name,
                self.stream,
                self.seq_num,
                dict(self.record),
                self.message,
            ]
        )

    def to_json(self) -> str:
        """Return the job as text."""
        return json.dumps(vars(self), default=str)  # a document's values may be anything

    def note(self) -> GeometryNote:
        """Return its geometry as the log notes it.

        Raises:
            ValueError: (pydantic's) It has none.
        """
        return GeometryNote(
            record=GeometryRecord.model_validate(self.record),
            stream=self.stream,
            first_seq_num=self.seq_num,
            time=self.time,
            provenance=self.provenance,
        )

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job that a text tells."""
        content = json.loads(text)
        return cls(**{**content, "changed": tuple(content["changed"])})


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a document told, before it is put into words: cheap to make in the RunEngine's thread."""

    found: GeometryChange | GeometryFault
    detector: str
    name: str
    seq_num: int
    received: float
    why: str = ""
    """Why a geometry is published anew; empty for one that is new."""
    run_uid: str | None = None
    """Instead of the document's."""

    def job(self) -> Job:
        """Return the order as a job."""
        found = self.found
        place: dict[str, Any] = {
            "detector": self.detector,
            "name": self.name,
            "run_uid": str(found.run_uid if self.run_uid is None else self.run_uid),
            "stream": str(found.stream),
            "seq_num": self.seq_num,
            "time": _seconds(found.time, self.received),
            "received": self.received,
        }
        if isinstance(found, GeometryFault):
            return Job(kind="fault", message=found.message, **place)
        return Job(
            kind="republish" if self.why else "geometry",
            record=found.record.model_dump(mode="json"),
            provenance={field: _told(each, self.received) for field, each in found.provenance.items()},
            changed=found.changed,
            message=self.why,
            **place,
        )


def order(found: GeometryChange | GeometryFault, detector: str, name: str) -> Order:
    """Return what a document just told as an order.

    Raises:
        TypeError: If the document's number is none.
        ValueError: Likewise.
        OverflowError: Likewise.
    """
    number = int(found.seq_num)
    why = found.correction if isinstance(found, GeometryChange) else ""
    return Order(found=found, detector=detector, name=name, seq_num=number, received=time.time(), why=why)


def _told(provenance: Provenance, received: float) -> dict[str, Any]:
    """Return a provenance as plain values; no copy in depth, for what a document says may hold itself."""
    return {**vars(provenance), "time": _seconds(provenance.time, received)}


def _seconds(said: Any, received: float) -> float:
    """Return a document's time; when it came, if the document does not tell a time."""
    try:
        seconds = float(said)
    except (TypeError, ValueError, OverflowError):
        return received
    return seconds if math.isfinite(seconds) else received
