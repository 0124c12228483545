# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Follow the documents of a RunEngine, and say when the geometry of a detector changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xpcs_mask_bluesky.documents.findings import Finding, GeometryChange, GeometryFault
from xpcs_mask_bluesky.documents.followed import FollowedRun
from xpcs_mask_bluesky.documents.places import Reading
from xpcs_mask_bluesky.documents.source import GeometrySource

__all__ = ["Finding", "GeometryChange", "GeometryFault", "GeometryTracker"]

RUNS_REMEMBERED = 200
"""A run without a stop must not stay for ever; so many may be under way at once."""


@dataclass(frozen=True)
class _Part:
    """What a descriptor belongs to."""

    run: FollowedRun
    stream: str


class GeometryTracker:
    """The geometry of one detector through interleaved runs.

    Call it with each document; it returns what was found, mostly nothing. A descriptor or an event of
    a run whose start was never seen is followed all the same. Documents are never changed. What no place
    of the source reads costs a look-up, no more.
    """

    def __init__(self, source: GeometrySource) -> None:
        self.source = source
        self.accepted: Mapping[str, Reading] = {}
        """Of the accepted calibration, by field. Replaced as a whole: no run sees half of one."""
        self._runs: dict[str, FollowedRun] = {}
        self._parts: dict[str, _Part] = {}
        """By descriptor uid."""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> list[Finding]:
        """Return what a document tells."""
        match name:
            case "event":
                part = self._part(doc)
                return [] if part is None else part.run.event(doc, part.stream)
            case "event_page":
                return [found for event in _events(doc) for found in self("event", event)]
            case "stream_datum":
                part = self._part(doc)
                return [] if part is None else part.run.frames(doc, part.stream)
            case "start":
                self._open(doc)
            case "descriptor":
                self._descriptor(doc)
            case "stop":
                return self._stop(doc)
            case _:  # other resources and data of files tell no geometry
                pass
        return []

    def _part(self, doc: Mapping[str, Any]) -> _Part | None:
        part = self._parts.get(doc["descriptor"])
        if part is not None:
            part.run.view.accept(self.accepted)
        return part

    def _open(self, start: Mapping[str, Any]) -> FollowedRun:
        run = self._runs[start["uid"]] = FollowedRun(self.source, start)
        while len(self._runs) > RUNS_REMEMBERED:
            self._forget(next(iter(self._runs)))
        return run

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        uid = doc["run_start"]
        run = self._runs.get(uid) or self._open({"uid": uid})  # attached in mid-run
        run.descriptor(doc)
        self._parts[doc["uid"]] = _Part(run, run.view.stream_of(doc["uid"]) or "")

    def _stop(self, doc: Mapping[str, Any]) -> list[Finding]:
        run = self._forget(doc["run_start"])
        if run is None:
            return []
        run.view.accept(self.accepted)
        return run.stop(doc)

    def _forget(self, uid: str) -> FollowedRun | None:
        run = self._runs.pop(uid, None)
        if run is not None:
            for descriptor in run.descriptors:
                self._parts.pop(descriptor, None)
        return run


def _events(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of a page, none of them sharing a container with it."""
    for row in range(len(page["seq_num"])):
        yield {
            "uid": page["uid"][row],
            "descriptor": page["descriptor"],
            "seq_num": page["seq_num"][row],
            "time": page["time"][row],
            "data": {key: values[row] for key, values in page["data"].items()},
            "timestamps": {key: values[row] for key, values in page["timestamps"].items()},
        }
