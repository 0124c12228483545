"""What the callback hands to its worker: small values with a JSON round trip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from xpcs_mask_bluesky.digests import json_digest


@dataclass(frozen=True, kw_only=True)
class Job:
    """A geometry to publish for a part of a run, or a fault to write down."""

    kind: Literal["geometry", "fault"]
    detector: str
    name: str
    """Of the recipe."""
    run_uid: str
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
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Return the job that a text tells."""
        content = json.loads(text)
        return cls(**{**content, "changed": tuple(content["changed"])})
