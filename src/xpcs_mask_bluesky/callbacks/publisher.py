"""Deliver jobs to a catalogue: every geometry noted, the newest of each run published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiled.queries import Eq, In

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.standing import Standing, Verdict
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import NotPermitted, is_away
from xpcs_mask_bluesky.store.uses import GEOMETRY, RUN_USE, GeometryNote

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.log import LogEntry
    from xpcs_mask_bluesky.store.uses import PartitionUse

RUNS_REMEMBERED = 64


@dataclass(frozen=True)
class Publication:
    """A partition that was published and linked to its run."""

    use: PartitionUse
    job: Job
    seconds: float
    """From the document to the link."""
    file: Path | None = None
    """The partition's ``/qmap`` file, where ``export_to=`` asked for one and it could be written."""


class Publisher:
    """Puts jobs into a catalogue.

    Args:
        catalog: Where to.
        recipes: By detector and name; each is offered when its detector is first reached.
        published: Called with each publication, in the worker's thread.
        refused: Called with a job that can never have a partition, and why.
        reached: Called with each detector that was reached, again and again.
        say: Takes a line for people.
        moved: Called with a job whose geometry leaves the partition of the run before, and by how much.
        standing: Knows the partitions in force.
    """

    def __init__(
        self,
        catalog: MaskCatalog,
        recipes: Mapping[tuple[str, str], PartitionRecipe],
        *,
        published: Callable[[Publication], None],
        refused: Callable[[Job, str], None],
        reached: Callable[[XPCSDetector], None],
        say: Callable[[str], object],
        moved: Callable[[Job, str], None],
        standing: Standing,
    ) -> None:
        self._moved, self._standing = moved, standing
        self._catalog, self._recipes = catalog, recipes
        self._published, self._refused, self._reached, self._say = published, refused, reached, say
        self._offered: dict[tuple[str, str], str] = {}
        """The digest of the recipe that was offered."""
        self._noted: dict[tuple[str, str, str], set[str]] = {}
        """By detector, run and recipe name: the geometries that the log tells already."""

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Deliver jobs of one detector and recipe name, in order; doing it again changes nothing.

        A geometry that has no partition (no recipe in force, no pixel counted, more bins than pixels)
        is noted like any other, and the run has an alarm.

        Raises:
            CatalogUnavailable: If the server does not answer.
            ValueError: If the detector has another shape.
        """
        for kind, group in groupby(jobs, key=lambda job: job.kind):
            if kind == "fault":
                for job in group:
                    self._fault(job)
            elif kind == "geometry":
                self._geometries(list(group))
            else:
                self._again(list(group))

    def alarm(self, job: Job, message: str, facts: Mapping[str, Any] | None = None) -> None:
        """Write into the detector's log why a part of a run has no partition of its own.

        A detector that the catalogue does not know yet has no log; the worker's own line is all then.
        """
        from xpcs_mask_bluesky.store.alarms import raise_alarm

        if job.detector in self._catalog:
            raise_alarm(
                self._catalog[job.detector],
                run_uid=job.run_uid,
                name=job.name,
                stream=job.stream,
                first_seq_num=job.seq_num,
                time=job.time,
                message=message,
                facts=facts,
            )

    def _fault(self, job: Job) -> None:
        verdict = None
        if job.detector in self._catalog:
            verdict = self._standing.unmatched(self._catalog[job.detector], job)
        stays = f"; {_stays(verdict)}" if verdict else ""
        self.alarm(job, job.message + stays, verdict.facts if verdict else None)

    def _geometries(self, jobs: list[Job]) -> None:
        detector = self._detector(jobs[0])
        newest = {(job.run_uid, job.stream): job for job in jobs}
        self._note(detector, [job for job in jobs if newest[job.run_uid, job.stream] is not job])
        for job in newest.values():
            self._publish(detector, job)

    def _again(self, jobs: list[Job]) -> None:
        detector = self._detector(jobs[0])
        newest = {(job.run_uid, job.stream, job.seq_num): job for job in jobs}
        for job in newest.values():
            self._publish(detector, job)

    def _note(self, detector: XPCSDetector, jobs: Sequence[Job]) -> None:
        for run_uid in dict.fromkeys(job.run_uid for job in jobs):
            known = self._known(detector, run_uid, jobs[0].name)
            notes = (_note(job) for job in jobs if job.run_uid == run_uid)
            missing = {place: note for note in notes if (place := _place(note)) not in known}
            if missing:
                detector.note_geometries(run_uid, missing.values())
                known.update(missing)

    def _known(self, detector: XPCSDetector, run_uid: str, name: str) -> set[str]:
        """Return what the log tells of a run: asked once, since only this process writes of it."""
        key = detector.name, run_uid, name
        if key not in self._noted:
            entries = detector.commits.read(Eq("lineage.run_uid", run_uid), In("kind", [GEOMETRY, RUN_USE]))
            self._noted[key] = {place for entry in entries for place in _places(entry, name)}
            while len(self._noted) > RUNS_REMEMBERED:
                self._noted.pop(next(iter(self._noted)))
        return self._noted[key]

    def _publish(self, detector: XPCSDetector, job: Job) -> None:
        self._standing.in_force(detector, job.name)  # before this one is
        try:
            use = detector.publish(
                GeometryRecord.model_validate(job.record),
                run_uid=job.run_uid,
                name=job.name,
                stream=job.stream,
                first_seq_num=job.seq_num,
                time=job.time,
                provenance=job.provenance,
                republish=job.kind == "republish",
            )
        except (ValueError, LookupError) as refusal:
            if is_away(refusal):
                raise
            self._refuse(detector, job, refusal)
        else:
            publication = Publication(use, job, time.time() - job.received)
            self._say_moved(detector, job)
            self._standing.took(detector, job.name, use)
            self._published(publication)

    def _say_moved(self, detector: XPCSDetector, job: Job) -> None:
        verdict = self._standing.moved(detector, job)
        if verdict is not None:
            run = f"of run {verdict.use.run_uid[:8]}" if verdict.use.run_uid else "published between runs"
            message = f"the geometry left that of the partition {run}, which was in force: {verdict.words}"
            self.alarm(job, message, verdict.facts)
            self._moved(job, message)

    def _refuse(self, detector: XPCSDetector, job: Job, refusal: Exception) -> None:
        run = f"run {job.run_uid[:8]}" if job.run_uid else "its newest geometry"
        message = f"no partition {job.name!r} of {job.detector} for {run}: {refusal}"
        if job.kind == "geometry":
            self._note(detector, [job])
        verdict = self._standing.unmatched(detector, job)
        if verdict is not None:
            message = f"{message}; {_stays(verdict)}"
        self.alarm(job, message, verdict.facts if verdict else None)
        self._refused(job, message)

    def _detector(self, job: Job) -> XPCSDetector:
        record = GeometryRecord.model_validate(job.record)
        detector = self._catalog.create_detector(job.detector, shape=record.shape)
        self._offer(detector, job.name)
        self._reached(detector)
        return detector

    def _offer(self, detector: XPCSDetector, name: str) -> None:
        from xpcs_mask_bluesky.store.recipes import offer_recipe

        recipe = self._recipes.get((detector.name, name))
        if recipe is None or self._offered.get((detector.name, name)) == recipe.digest:
            return
        try:
            newer = offer_recipe(detector, recipe, name=name)
        except NotPermitted as refusal:
            if name not in detector.state.latest().recipes:
                raise
            self._say(f"the recipe {name!r} of {detector.name} in force stays, not this profile's: {refusal}")
            newer = None
        if newer is not None:
            self._say(
                f"the recipe {name!r} of {detector.name} in force is that of log entry {newer.seq} by "
                f"{newer.author}, newer than this profile's; set_recipe() puts another one in force"
            )
        self._offered[detector.name, name] = recipe.digest


def _stays(verdict: Verdict) -> str:
    run = f"run {verdict.use.run_uid[:8]}" if verdict.use.run_uid else "no run"
    fits = "fits" if verdict.matches else "does not match"
    return f"the partition of {run} stays in force and {fits}: {verdict.words}"


def _note(job: Job) -> GeometryNote:
    return GeometryNote(
        record=GeometryRecord.model_validate(job.record),
        stream=job.stream,
        first_seq_num=job.seq_num,
        time=job.time,
        provenance=job.provenance,
    )


def _places(entry: LogEntry, name: str) -> list[str]:
    """Return the geometries that an entry tells of a run, for one recipe name."""
    if entry.kind == GEOMETRY:
        return [_place(GeometryNote.from_json(note)) for note in entry.body["notes"]]
    body = entry.body
    return (
        [f"{body['stream']}:{body['first_seq_num']}:{entry.inputs['geometry']}"]
        if body["name"] == name
        else []
    )


def _place(note: GeometryNote) -> str:
    """Return what makes two notes of a run the same one."""
    return f"{note.stream}:{note.first_seq_num}:{note.record.digest}"
