"""One line for people at each run's end: the partition, what moved, the alarm, what waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.callbacks.jobs import Job, Order
from xpcs_mask_bluesky.documents.source import UNIT_OF
from xpcs_mask_bluesky.documents.tracker import GeometryChange
from xpcs_mask_bluesky.geometry import GeometryRecord

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.publisher import Publication

SECONDS_TO_WAIT = 3.0
"""After a run's stop, for its last partition."""
RUNS_REMEMBERED = 200
"""A run without a stop must not stay for ever."""

Place = tuple[str, str]


@dataclass
class _Part:
    """A run as one detector and recipe saw it."""

    before: GeometryRecord | None
    """Of the run before."""
    newest: GeometryRecord | None = None
    awaited: tuple[str, int] | None = None
    """Stream and event of the newest geometry."""
    geometries: int = 0
    partition: str = ""
    alarms: list[str] = field(default_factory=list)
    settled: bool = True


@dataclass
class _Run:
    parts: dict[Place, _Part] = field(default_factory=dict)
    stopped: float | None = None


class RunReports:
    """Collects what is said of runs; safe in any thread, and cheap to tell."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._before: dict[Place, GeometryRecord] = {}
        self._guard = threading.Lock()

    def ordered(self, orders: Iterable[Order]) -> None:
        """Take what documents just told."""
        with self._guard:
            for each in orders:
                run = self._runs.setdefault(each.found.run_uid, _Run())
                place = each.detector, each.name
                part = run.parts.setdefault(place, _Part(self._before.get(place)))
                if isinstance(each.found, GeometryChange):
                    part.newest = self._before[place] = each.found.record
                    part.awaited, part.settled = (each.found.stream, each.seq_num), False
                    part.geometries += 1
                else:
                    part.alarms.append(each.found.message)
            while len(self._runs) > RUNS_REMEMBERED:
                self._runs.pop(next(iter(self._runs)))

    def published(self, publication: Publication) -> None:
        """Take a partition that was published."""
        self._settle(publication.job, partition=publication.use.partition.digest)

    def refused(self, job: Job, message: str) -> None:
        """Take a geometry that has no partition."""
        self._settle(job, alarm=message)

    def moved(self, job: Job, message: str) -> None:
        """Take that a run's geometry left the partition in force."""
        with self._guard:
            run = self._runs.get(job.run_uid)
            part = run.parts.get((job.detector, job.name)) if run else None
            if part is not None:
                part.alarms.append(message)

    def stopped(self, run_uid: str) -> None:
        """Take a run's stop."""
        with self._guard:
            if run_uid in self._runs:
                self._runs[run_uid].stopped = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether :meth:`lines` has any."""
        with self._guard:
            return any(_is_due(run, False) for run in self._runs.values())

    def lines(self, waiting: int, *, final: bool = False) -> list[str]:
        """Return a line for each run that stopped and whose partition is published, or long awaited.

        Args:
            waiting: Jobs in the spool.
            final: Whether no later call will come.
        """
        with self._guard:
            done = [uid for uid, run in self._runs.items() if _is_due(run, final)]
            runs = {uid: self._runs.pop(uid) for uid in done}
        return [
            _line(uid, place, part, waiting, final)
            for uid, run in runs.items()
            for place, part in run.parts.items()
        ]

    def _settle(self, job: Job, *, partition: str = "", alarm: str = "") -> None:
        with self._guard:
            run = self._runs.get(job.run_uid)
            part = run.parts.get((job.detector, job.name)) if run else None
            if part is None:
                return
            part.partition = partition or part.partition
            if alarm:
                part.alarms.append(alarm)
            if part.awaited == (job.stream, job.seq_num):
                part.settled = True


def _is_due(run: _Run, final: bool) -> bool:
    if run.stopped is None:
        return False
    settled = all(part.settled for part in run.parts.values())
    return settled or final or time.monotonic() - run.stopped > SECONDS_TO_WAIT


def _line(uid: str, place: Place, part: _Part, waiting: int, final: bool) -> str:
    said = [_partition_words(part, "follows at the next start" if final and waiting else "not published yet")]
    moved = _moved(part.before, part.newest)
    if moved:
        said.append(f"moved: {', '.join(moved)}")
    if part.geometries > 1:
        said.append(f"{part.geometries} geometries")
    alarms = list(dict.fromkeys(part.alarms))
    if alarms:
        more = f" (and {len(alarms) - 1} more)" if len(alarms) > 1 else ""
        said.append(f"ALARM: {alarms[0]}{more}")
    said.append(f"{waiting} in the spool" if waiting else "spool empty")
    return f"xpcs-mask: run {uid[:8]} {place[0]}/{place[1]}: {'; '.join(said)}"


def _partition_words(part: _Part, when: str) -> str:
    if part.partition and part.settled:
        return f"partition {part.partition[:12]}"
    return "no partition" if part.settled else f"partition {when}"


def _moved(before: GeometryRecord | None, after: GeometryRecord | None) -> list[str]:
    """Return the fields that differ from the run before, in words."""
    if before is None or after is None:
        return []
    changed = [
        (name, getattr(before, name), getattr(after, name))
        for name in GeometryRecord.model_fields
        if getattr(before, name) != getattr(after, name)
    ]
    return [
        f"{name} {_words(old)} → {_words(new)} {UNIT_OF.get(name, '')}".rstrip() for name, old, new in changed
    ]


def _words(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write_line(line: str) -> None:
    """Write a line to the standard output at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
