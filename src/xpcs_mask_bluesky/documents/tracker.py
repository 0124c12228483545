# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Follow the documents of a RunEngine, and say when the geometry of a detector changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xpcs_mask_bluesky.documents.places import GeometryError, Provenance, Reading
from xpcs_mask_bluesky.documents.runview import BASELINE, RunView
from xpcs_mask_bluesky.documents.source import GeometrySource
from xpcs_mask_bluesky.geometry import GeometryRecord


@dataclass(frozen=True, kw_only=True)
class GeometryChange:
    """From this event on, the run has this geometry."""

    run_uid: str
    record: GeometryRecord
    provenance: Mapping[str, Provenance]
    stream: str
    seq_num: int
    """First event that it holds for, from 1; 0 for a run without an event of the detector."""
    time: float
    """Of the document that told it, seconds since the epoch."""
    changed: tuple[str, ...]
    """Fields that differ from the geometry before; empty for the first of a run."""


@dataclass(frozen=True, kw_only=True)
class GeometryFault:
    """From this event on, the run's documents tell no geometry."""

    run_uid: str
    stream: str
    seq_num: int
    time: float
    message: str


Finding = GeometryChange | GeometryFault


@dataclass
class _Run:
    view: RunView
    current: dict[str, GeometryRecord] = field(default_factory=dict[str, GeometryRecord])
    """By stream: the geometry that was said last."""
    faults: set[str] = field(default_factory=set[str])
    unsettled: set[str] = field(default_factory=set[str])
    """Streams with events that had to wait for their geometry, or had none."""
    told: bool = False
    """Whether anything was said of it."""


class GeometryTracker:
    """The geometry of one detector through interleaved runs.

    Call it with each document; it returns what was found, mostly nothing. A descriptor or an event of
    a run whose start was never seen is followed all the same. Documents are never changed.
    """

    def __init__(self, source: GeometrySource) -> None:
        self.source = source
        self._runs: dict[str, _Run] = {}
        self.accepted: Mapping[str, Reading] = {}
        """Of the accepted calibration, by field. Replaced as a whole: no run sees half of one."""
        self._run_of: dict[str, str] = {}
        """By descriptor uid."""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> list[Finding]:
        """Return what a document tells."""
        match name:
            case "start":
                self._runs[doc["uid"]] = _Run(RunView(doc))
            case "descriptor":
                self._descriptor(doc)
            case "event":
                return self._event(doc)
            case "event_page":
                return [found for event in _events(doc) for found in self._event(event)]
            case "stop":
                return self._stop(doc)
            case _:  # resources and data of files tell no geometry
                pass
        return []

    def _descriptor(self, doc: Mapping[str, Any]) -> None:
        uid = doc["run_start"]
        run = self._runs.setdefault(uid, _Run(RunView({"uid": uid})))  # attached in mid-run
        run.view.take_descriptor(doc)
        self._run_of[doc["uid"]] = uid

    def _event(self, doc: Mapping[str, Any]) -> list[Finding]:
        run = self._runs.get(self._run_of.get(doc["descriptor"], ""))
        if run is None:
            return []
        run.view.accepted = self.accepted
        run.view.take_event(doc)
        stream = run.view.stream_of(doc["descriptor"]) or ""
        if not self._counts(run, doc["descriptor"], stream):
            return []
        if self.source.waits(run.view):
            run.unsettled.add(stream)
            return []
        return self._look(run, stream, doc["seq_num"], doc.get("time", 0.0))

    def _counts(self, run: _Run, descriptor_uid: str, stream: str) -> bool:
        """Return whether a stream's events are the detector's: its own, else the primary one."""
        if stream == BASELINE or not self.source.concerns(run.view):
            return False
        measured = {each["uid"] for each in run.view.descriptors if self.source.measured_by(each)}
        return descriptor_uid in measured if measured else stream == "primary"

    def _look(self, run: _Run, stream: str, seq_num: int, time: float) -> list[Finding]:
        try:
            resolved = self.source.resolve(run.view)
        except GeometryError as error:
            return self._fault(run, stream, seq_num, time, str(error))
        before = run.current.get(stream)
        if before == resolved.record and not run.faults:
            return []
        seen_from_start = "time" in run.view.start
        if before is None and seen_from_start and stream not in run.unsettled and seq_num > 1:
            seq_num = 1  # exported events come in any order, and none before was of another geometry
        run.current[stream], run.told = resolved.record, True
        run.faults.clear()
        return [
            GeometryChange(
                run_uid=run.view.uid,
                record=resolved.record,
                provenance=resolved.provenance,
                stream=stream,
                seq_num=seq_num,
                time=time,
                changed=() if before is None else _changed(before, resolved.record),
            )
        ]

    def _fault(self, run: _Run, stream: str, seq_num: int, time: float, message: str) -> list[Finding]:
        if message in run.faults:
            return []
        run.faults.add(message)
        run.unsettled.add(stream)
        run.told = True
        return [
            GeometryFault(run_uid=run.view.uid, stream=stream, seq_num=seq_num, time=time, message=message)
        ]

    def _stop(self, doc: Mapping[str, Any]) -> list[Finding]:
        run = self._runs.pop(doc["run_start"], None)
        if run is None:
            return []
        for descriptor in run.view.descriptors:
            self._run_of.pop(descriptor["uid"], None)
        run.view.accepted = self.accepted
        if run.told or not self.source.concerns(run.view):
            return []
        return self._look(run, "primary", 0, doc.get("time", 0.0))


def _changed(before: GeometryRecord, after: GeometryRecord) -> tuple[str, ...]:
    return tuple(
        name for name in GeometryRecord.model_fields if getattr(before, name) != getattr(after, name)
    )


def _events(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a page, none of them sharing a container with it."""
    return [
        {
            "uid": page["uid"][row],
            "descriptor": page["descriptor"],
            "seq_num": page["seq_num"][row],
            "time": page["time"][row],
            "data": {key: values[row] for key, values in page["data"].items()},
            "timestamps": {key: values[row] for key, values in page["timestamps"].items()},
        }
        for row in range(len(page["seq_num"]))
    ]
