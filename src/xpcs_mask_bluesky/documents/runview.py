# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""What the documents of one run have told so far, looked up by place. Documents are never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xpcs_mask_bluesky.documents.places import Place, Provenance, Reading

BASELINE = "baseline"
PROMISED = ("event", "monitor", "baseline")
"""Places that a descriptor declares before an event tells them."""


@dataclass(frozen=True)
class _Stream:
    """What of a descriptor concerns a geometry."""

    name: str
    units: Mapping[str, str | None]
    """Of the data keys that are looked at."""


class RunView:
    """The start document, the newest configuration and the newest readings of one run.

    Args:
        start: The start document.
        keys: The keys that are looked at; all others pass by. None: all.
    """

    def __init__(self, start: Mapping[str, Any], keys: frozenset[str] | None = None) -> None:
        self.start = start
        self.version = 0
        """Counts what changed of all that is looked at: the same number, the same geometry."""
        self.known: dict[tuple[str, int], tuple[Reading, Any, Provenance]] = {}
        """What readings were found to tell: by name and identity of the place."""
        self._keys = keys
        self._streams: dict[str, _Stream] = {}
        """By descriptor uid."""
        self._configuration: dict[str, Reading] = {}
        self._shapes: dict[str, Reading] = {}
        self._readings: dict[tuple[str, str], Reading] = {}
        """By stream and data key: what came last."""
        self._of_key: dict[str, list[str]] = {}
        """By data key: the streams that declare it, but the baseline."""
        self._declared: set[tuple[str, str]] = set()
        self._accepted: Mapping[str, Reading] = {}
        """Of an accepted calibration, by field; no document tells it."""

    @property
    def uid(self) -> str:
        """Of the run."""
        return self.start.get("uid", "")

    def stream_of(self, descriptor_uid: str) -> str | None:
        """Return the stream's name, or None if that descriptor was not seen."""
        stream = self._streams.get(descriptor_uid)
        return None if stream is None else stream.name

    def take_descriptor(self, doc: Mapping[str, Any]) -> None:
        """Take a descriptor; of each configuration key the newest counts."""
        name = doc.get("name", "primary")
        data_keys = doc.get("data_keys") or {}
        looked_at = [key for key in data_keys if self._keys is None or key in self._keys]
        self._streams[doc["uid"]] = _Stream(name, {key: data_keys[key].get("units") for key in looked_at})
        for key in looked_at:
            self._declare(name, key, Reading(data_keys[key].get("shape"), None, doc["uid"], name, _time(doc)))
        for section in (doc.get("configuration") or {}).values():
            self._configure(doc, name, section)
        self.version += 1

    def _declare(self, name: str, key: str, shape: Reading) -> None:
        self._declared.add((name, key))
        if name != BASELINE and name not in self._of_key.setdefault(key, []):
            self._of_key[key].append(name)
        if isinstance(shape.value, list | tuple) and len(shape.value) >= 2:
            self._shapes[key] = shape

    def _configure(self, doc: Mapping[str, Any], name: str, section: Mapping[str, Any]) -> None:
        declared = section.get("data_keys") or {}
        times = section.get("timestamps") or {}
        for key, value in (section.get("data") or {}).items():
            if self._keys is None or key in self._keys:
                self._configuration[key] = Reading(
                    value=value,
                    unit=(declared.get(key) or {}).get("units"),
                    document=doc["uid"],
                    stream=name,
                    time=times.get(key, _time(doc)),
                )

    def take_event(self, doc: Mapping[str, Any]) -> None:
        """Take an event of a descriptor that was seen."""
        stream = self._streams[doc["descriptor"]]
        if stream.units:
            self.take_readings(self.readings(doc))

    def readings(self, doc: Mapping[str, Any]) -> dict[tuple[str, str], Reading]:
        """Return what an event tells of all that is looked at, by stream and data key."""
        stream = self._streams[doc["descriptor"]]
        data, times = doc["data"], doc.get("timestamps") or {}
        return {
            (stream.name, key): Reading(
                data[key], unit, doc.get("uid", ""), stream.name, times.get(key, _time(doc))
            )
            for key, unit in stream.units.items()
            if key in data
        }

    def take_readings(self, readings: Mapping[tuple[str, str], Reading]) -> None:
        """Take what :meth:`readings` returned, now or again."""
        for place, reading in readings.items():
            before = self._readings.get(place)
            self._readings[place] = reading
            several = len(self._of_key.get(place[1], ())) > 1  # then a new time may be a new value
            if before is None or several or not _same(before, reading):
                self.version += 1

    def accept(self, calibration: Mapping[str, Reading]) -> None:
        """Take the calibration accepted last, by field."""
        if calibration is not self._accepted:
            self._accepted = calibration
            self.version += 1

    def snapshot(self) -> dict[tuple[str, str], Reading]:
        """Return what was read until now, by stream and data key."""
        return dict(self._readings)

    def restore(self, readings: Mapping[tuple[str, str], Reading]) -> None:
        """Take these readings for all that was read."""
        self._readings = dict(readings)
        self.version += 1

    def find(self, place: Place) -> Reading | None:  # noqa: PLR0911  one for each kind of place
        """Return what was read at a place, or None."""
        match place.where:
            case "const":
                return Reading(place.value, None, "", "", self.start.get("time", 0.0))
            case "start":
                return self._in_start(place.key)
            case "configuration":
                return self._configuration.get(place.key)
            case "baseline":
                return self._readings.get((BASELINE, place.key))
            case "calibration":
                return self._accepted.get(place.key)
            case "data_key":
                return self._shapes.get(place.key)
            case "event" | "monitor":
                return self._newest(place)

    def promised(self, place: Place) -> bool:
        """Return whether a descriptor declares this place, and its first event is still to come."""
        if place.where not in PROMISED or self.find(place) is not None:
            return False
        streams = (BASELINE,) if place.where == BASELINE else self._streams_of(place)
        return any((name, place.key) in self._declared for name in streams)

    def _streams_of(self, place: Place) -> Iterable[str]:
        if place.stream:
            return (place.stream,)
        return (f"{place.key}_monitor",) if place.where == "monitor" else self._of_key.get(place.key, ())

    def _newest(self, place: Place) -> Reading | None:
        there = (self._readings.get((name, place.key)) for name in self._streams_of(place))
        found = [reading for reading in there if reading is not None]
        return max(found, key=lambda reading: reading.time) if len(found) > 1 else next(iter(found), None)

    def _in_start(self, path: str) -> Reading | None:
        value: Any = self.start
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return Reading(value, None, self.uid, "", self.start.get("time", 0.0))


def _time(doc: Mapping[str, Any]) -> float:
    return doc.get("time", 0.0)


def _same(before: Reading, after: Reading) -> bool:
    """Return whether two readings tell the same; an array never does, to be looked at again."""
    if before.value is after.value:
        return before.unit == after.unit
    try:
        return bool(before.value == after.value) and before.unit == after.unit
    except ValueError:
        return False
