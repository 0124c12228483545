# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""One run as one detector's geometry sees it: what each event tells, when to wait, what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xpcs_mask_bluesky.documents.findings import Finding, GeometryChange, GeometryFault
from xpcs_mask_bluesky.documents.places import GeometryError, Reading
from xpcs_mask_bluesky.documents.ranges import Ranges, Telling
from xpcs_mask_bluesky.documents.resolve import Resolved
from xpcs_mask_bluesky.documents.runview import BASELINE, RunView
from xpcs_mask_bluesky.documents.source import GeometrySource
from xpcs_mask_bluesky.geometry import GeometryRecord

SECONDS_TO_WAIT = 30.0
"""By the documents' own clock, for a better place that was promised; then the next best one counts."""
EVENTS_TO_WAIT = 1000


@dataclass(frozen=True)
class _Event:
    """An event that a geometry is to be told for."""

    stream: str
    """Empty for readings alone."""
    seq_num: int
    time: float
    readings: Mapping[tuple[str, str], Reading] = field(default_factory=dict)


@dataclass
class _Stream:
    """One stream of the detector's events."""

    ranges: Ranges = field(default_factory=Ranges)
    version: int = -1
    """Of the run's view, when it was looked at last."""
    valid: bool = True
    """Whether it told a geometry then."""
    faulted: bool = False
    """Whether a fault is what was said last."""
    has_events: bool = False
    frames: tuple[_Event, Resolved] | None = None
    """Frames that may yet have an event of their own, and the geometry when they came."""


class FollowedRun:
    """One run and the geometry of one detector in it.

    Args:
        source: Where the geometry is.
        start: The run's start document.
    """

    def __init__(self, source: GeometrySource, start: Mapping[str, Any]) -> None:
        self._source = source
        self.view = RunView(start, source.keys)
        self.descriptors: dict[str, bool] = {}
        """By uid: whether the descriptor's data keys are the detector's."""
        self._seen_from_start = "time" in start
        self._concerned = source.detector in (start.get("detectors") or ())
        self._measured = False
        """Whether a stream is the detector's own."""
        self._streams: dict[str, _Stream] = {}
        self._waiting: list[_Event] = []
        self._before: dict[tuple[str, str], Reading] = {}
        """What was read when the first event began to wait."""
        self._patient = True
        self._said = False
        """Whether a geometry was said."""
        self._faults: set[str] = set()
        """What the faults that were said are about."""
        self._resolved: tuple[int, Resolved] | None = None
        """By the version of the view."""
        self._time = start.get("time", 0.0)

    def descriptor(self, doc: Mapping[str, Any]) -> None:
        """Take a descriptor."""
        name = doc.get("name", "primary")
        own = name != BASELINE and not name.endswith("_monitor") and self._source.measured_by(doc)
        self.view.take_descriptor(doc)
        self.descriptors[doc["uid"]] = own
        self._measured |= own
        self._concerned = self._concerned or self._source.named_by(doc)
        self._time = doc.get("time", self._time)

    def event(self, doc: Mapping[str, Any], name: str) -> list[Finding]:
        """Take an event of a stream."""
        before = self.view.version
        self.view.take_event(doc)
        self._time = doc.get("time", self._time)
        released: list[Finding] = []
        if self._waiting and self.view.version != before:
            released = self._told_while_waiting(doc)
        if not self._counts(doc["descriptor"], name):
            return released
        stream, number = self._stream(name), doc["seq_num"]
        stream.has_events, stream.frames = True, None
        if stream.version == self.view.version and stream.valid and number == stream.ranges.last + 1:
            stream.ranges.extend(number)
            return released
        return [*released, *self._take(_Event(name, number, self._time, self.view.readings(doc)))]

    def frames(self, doc: Mapping[str, Any], name: str) -> list[Finding]:
        """Take frames that a detector wrote by itself: a stream without events has no other documents."""
        if not self._counts(doc["descriptor"], name):
            return []
        stream = self._stream(name)
        if stream.has_events:
            return []  # each event tells more, and comes after its frames
        found = self._take_frames(stream)
        event = _Event(name, doc["seq_nums"]["start"], self._time)
        if self._waits():
            return [*found, *self._take(event)]
        try:
            stream.frames = event, self._resolve()
        except GeometryError as error:
            found += self._fault(event, stream, error)
        return found

    def stop(self, doc: Mapping[str, Any]) -> list[Finding]:
        """Take the stop, and say what there is still to say."""
        found = self._release()
        for stream in self._streams.values():
            found += self._take_frames(stream)
        if self._said or self._faults or not self._concerned:
            return found
        self._stream("primary").ranges.from_start = False  # there is no event 1
        return [*found, *self._look(_Event("primary", 0, doc.get("time", 0.0)))]

    def _counts(self, descriptor_uid: str, name: str) -> bool:
        """Return whether a stream's events are the detector's: its own, else the primary one."""
        if not self._concerned:
            return False
        if self._measured:
            return self.descriptors.get(descriptor_uid, False)
        return name == "primary"

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            self._streams[name] = _Stream()
            self._streams[name].ranges.from_start = self._seen_from_start
        return self._streams[name]

    def _waits(self) -> bool:
        """Return whether to wait: for the first geometry only, since later a change must not be hidden."""
        return self._patient and not self._said and self._source.waits(self.view)

    def _take(self, event: _Event) -> list[Finding]:
        if not self._waits():
            return self._look(event)
        if not self._waiting:
            self._before = self.view.snapshot()
        self._waiting.append(event)
        too_long = event.time - self._waiting[0].time > SECONDS_TO_WAIT
        if not too_long and len(self._waiting) < EVENTS_TO_WAIT:
            return []
        self._patient = False
        return self._release()

    def _told_while_waiting(self, doc: Mapping[str, Any]) -> list[Finding]:
        """Keep what is told meanwhile; say what waited if nothing is promised any more."""
        readings = self.view.readings(doc)
        self._waiting.append(_Event("", 0, self._time, readings))
        if self._source.waits(self.view):
            return []
        found = self._release()
        self.view.take_readings(readings)  # the newest; what waited came before it
        return found

    def _release(self) -> list[Finding]:
        """Say what the events that waited had: their own readings, of other streams what was told by then.

        What another stream told for the first time after an event held for that event too, unless the same
        key was known before and this is a change of it.
        """
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        known = dict(self._before)
        for event in waiting:
            for place, reading in event.readings.items():
                if reading.time <= waiting[0].time or not any(place[1] == key for _, key in self._before):
                    known.setdefault(place, reading)
        self.view.restore(known)
        found: list[Finding] = []
        for event in waiting:
            self.view.take_readings(event.readings)
            if event.stream:
                found += self._look(event)
        return found

    def _take_frames(self, stream: _Stream) -> list[Finding]:
        frames, stream.frames = stream.frames, None
        return [] if frames is None else self._insert(frames[0], stream, frames[1])

    def _look(self, event: _Event) -> list[Finding]:
        stream = self._stream(event.stream)
        if stream.version == self.view.version and not stream.valid:
            return []
        try:
            resolved = self._resolve()
        except GeometryError as error:
            return self._fault(event, stream, error)
        return self._insert(event, stream, resolved)

    def _resolve(self) -> Resolved:
        if self._resolved is None or self._resolved[0] != self.view.version:
            self._resolved = self.view.version, self._source.resolve(self.view)
        return self._resolved[1]

    def _insert(self, event: _Event, stream: _Stream, resolved: Resolved) -> list[Finding]:
        stream.version, stream.valid = self.view.version, True
        for known in stream.ranges.near(event.seq_num):
            if not self._moved(known, resolved):
                resolved = known  # said already: against it, not the newest, is drift held
                break
        tellings = stream.ranges.take(event.seq_num, resolved)
        if event.seq_num < stream.ranges.last:
            stream.version = -1  # the next event does not just go on from the last one
        if stream.faulted and not tellings:
            tellings = [Telling(event.seq_num, resolved, resolved, corrects=False)]
        stream.faulted, self._said = False, True
        return [self._change(event, each) for each in tellings]

    def _change(self, event: _Event, telling: Telling) -> GeometryChange:
        return GeometryChange(
            run_uid=self.view.uid,
            record=telling.resolved.record,
            provenance=telling.resolved.provenance,
            stream=event.stream,
            seq_num=telling.seq_num,
            time=event.time,
            changed=() if telling.before is None else self._moved(telling.before, telling.resolved),
            correction="its events came out of order" if telling.corrects else "",
        )

    def _moved(self, before: Resolved, after: Resolved) -> tuple[str, ...]:
        """Return the fields that differ by more than their tolerance."""
        old, new = before.record, after.record
        fields = [name for name in GeometryRecord.model_fields if getattr(old, name) != getattr(new, name)]
        return tuple(
            name
            for name in fields
            if _differ(getattr(old, name), getattr(new, name), self._source.tolerance(name))
        )

    def _fault(self, event: _Event, stream: _Stream, error: GeometryError) -> list[Finding]:
        stream.version, stream.valid = self.view.version, False
        if not stream.ranges.last:
            stream.ranges.from_start = False  # this event has no geometry
        if error.about in self._faults:
            return []
        self._faults.add(error.about)
        stream.faulted = True
        return [
            GeometryFault(
                run_uid=self.view.uid,
                stream=event.stream,
                seq_num=event.seq_num,
                time=event.time,
                message=str(error),
            )
        ]


def _differ(before: Any, after: Any, tolerance: float) -> bool:
    if tolerance and before is not None and after is not None:
        return abs(before - after) > tolerance
    return before != after
