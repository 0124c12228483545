# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""What the documents of one run have told so far, looked up by place. Documents are never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xpcs_mask_bluesky.documents.places import Place, Reading

BASELINE = "baseline"


class RunView:
    """The start document, the newest configuration and the newest readings of one run."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.start = start
        self._streams: dict[str, Mapping[str, Any]] = {}
        """Descriptors by uid."""
        self._configuration: dict[str, Reading] = {}
        self._readings: dict[tuple[str, str], Reading] = {}
        """By stream and data key."""
        self.accepted: Mapping[str, Reading] = {}
        """Of an accepted calibration, by field; no document tells it."""

    @property
    def uid(self) -> str:
        """Of the run."""
        return self.start.get("uid", "")

    @property
    def descriptors(self) -> tuple[Mapping[str, Any], ...]:
        """All seen so far."""
        return tuple(self._streams.values())

    def stream_of(self, descriptor_uid: str) -> str | None:
        """Return the stream's name, or None if that descriptor was not seen."""
        descriptor = self._streams.get(descriptor_uid)
        return None if descriptor is None else descriptor.get("name", "primary")

    def take_descriptor(self, doc: Mapping[str, Any]) -> None:
        """Take a descriptor; of each configuration key the newest counts."""
        self._streams[doc["uid"]] = doc
        for section in (doc.get("configuration") or {}).values():
            declared = section.get("data_keys") or {}
            times = section.get("timestamps") or {}
            for key, value in (section.get("data") or {}).items():
                self._configuration[key] = Reading(
                    value=value,
                    unit=(declared.get(key) or {}).get("units"),
                    document=doc["uid"],
                    stream=doc.get("name", ""),
                    time=times.get(key, doc.get("time", 0.0)),
                )

    def take_event(self, doc: Mapping[str, Any]) -> None:
        """Take an event of a descriptor that was seen."""
        descriptor = self._streams[doc["descriptor"]]
        stream = descriptor.get("name", "primary")
        for key, value in doc["data"].items():
            declared = (descriptor.get("data_keys") or {}).get(key) or {}
            self._readings[stream, key] = Reading(
                value=value,
                unit=declared.get("units"),
                document=doc.get("uid", ""),
                stream=stream,
                time=(doc.get("timestamps") or {}).get(key, doc.get("time", 0.0)),
            )

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
                return self.accepted.get(place.key)
            case "data_key":
                return self._declared_shape(place.key)
            case "event":
                return self._newest(place.key)

    def promised(self, place: Place) -> bool:
        """Return whether a descriptor declares this place, and its first event is still to come."""
        if place.where not in {"event", "baseline"} or self.find(place) is not None:
            return False
        return any(
            place.key in (each.get("data_keys") or {})
            and (each.get("name") == BASELINE) == (place.where == "baseline")
            for each in self._streams.values()
        )

    def _in_start(self, path: str) -> Reading | None:
        value: Any = self.start
        for part in path.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return Reading(value, None, self.uid, "", self.start.get("time", 0.0))

    def _newest(self, key: str) -> Reading | None:
        found = [
            reading
            for (stream, name), reading in self._readings.items()
            if name == key and stream != BASELINE
        ]
        return max(found, key=lambda reading: reading.time, default=None)

    def _declared_shape(self, key: str) -> Reading | None:
        for descriptor in self._streams.values():
            declared = (descriptor.get("data_keys") or {}).get(key)
            if declared and len(declared.get("shape") or ()) >= 2:
                shape = tuple(declared["shape"][-2:])
                return Reading(
                    shape, None, descriptor["uid"], descriptor.get("name", ""), descriptor.get("time", 0)
                )
        return None
