"""What the log tells of runs already, so that a run that is told again is written down once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tiled.queries import Eq, In

from xpcs_mask_bluesky.store.uses import GEOMETRY, RUN_USE, GeometryNote

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.jobs import Job
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.log import LogEntry

RUNS_REMEMBERED = 64


@dataclass
class _Run:
    """A run under one recipe name."""

    geometries: set[str] = field(default_factory=set)
    """Those that were noted or published."""
    published: dict[str, int] = field(default_factory=dict)
    """By stream, the last event from which a partition was published."""


class Told:
    """The geometries of each run; the log is asked once for a run, since only this process writes of it."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str, str], _Run] = {}

    def missing(
        self, detector: XPCSDetector, run_uid: str, name: str, notes: Iterable[GeometryNote]
    ) -> list[GeometryNote]:
        """Return the notes of a run that the log does not have, each once."""
        known = self._run(detector, run_uid, name).geometries
        return list({place(note): note for note in notes if place(note) not in known}.values())

    def noted(self, detector: XPCSDetector, run_uid: str, name: str, notes: Iterable[GeometryNote]) -> None:
        """Take notes that were written into the log."""
        self._run(detector, run_uid, name).geometries.update(map(place, notes))

    def published(self, detector: XPCSDetector, job: Job) -> None:
        """Take a geometry whose partition was published."""
        run = self._run(detector, job.run_uid, job.name)
        run.geometries.add(place(job.note()))
        run.published[job.stream] = max(job.seq_num, run.published.get(job.stream, 0))

    def overtaken(self, detector: XPCSDetector, job: Job) -> bool:
        """Return whether a geometry is known and a later one of its run and stream was published.

        To publish it now, which was not thought worth it then, would put an old geometry in force.
        """
        run = self._run(detector, job.run_uid, job.name)
        return place(job.note()) in run.geometries and run.published.get(job.stream, 0) > job.seq_num

    def _run(self, detector: XPCSDetector, run_uid: str, name: str) -> _Run:
        key = detector.name, run_uid, name
        if key not in self._runs:
            entries = detector.commits.read(Eq("lineage.run_uid", run_uid), In("kind", [GEOMETRY, RUN_USE]))
            self._runs[key] = _told(entries, name)
            while len(self._runs) > RUNS_REMEMBERED:
                self._runs.pop(next(iter(self._runs)))
        return self._runs[key]


def place(note: GeometryNote) -> str:
    """Return what makes two notes of a run the same one."""
    return f"{note.stream}:{note.first_seq_num}:{note.record.digest}"


def _told(entries: Iterable[LogEntry], name: str) -> _Run:
    run = _Run()
    for entry in entries:
        body = entry.body
        if entry.kind == GEOMETRY:
            run.geometries.update(place(GeometryNote.from_json(note)) for note in body["notes"])
        elif body["name"] == name:
            stream, first = body["stream"], body["first_seq_num"]
            run.geometries.add(f"{stream}:{first}:{entry.inputs['geometry']}")
            run.published[stream] = max(first, run.published.get(stream, 0))
    return run
