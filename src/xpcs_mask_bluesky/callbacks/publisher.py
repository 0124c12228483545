"""Deliver jobs to a catalogue: every geometry noted, the newest of each run published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.standing import Standing, Verdict
from xpcs_mask_bluesky.callbacks.told import Told
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import NotPermitted, is_away

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.log import LogEntry
    from xpcs_mask_bluesky.store.uses import PartitionUse


@dataclass(frozen=True)
class Publication:
    """A partition that was published and linked to its run."""

    use: PartitionUse
    job: Job
    seconds: float
    """From the document to the link."""
    file: Path | None = None
    """The partition's ``/qmap`` file, where ``export_to=`` asked for one and it could be written."""
    past: bool = False
    """Whether the run was published before, and another partition has come in force since."""


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
        self._told = Told()

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

    def alarm(self, job: Job, message: str) -> None:
        """Write into the detector's log why a part of a run has no partition of its own.

        A detector that the catalogue does not know yet has no log; the worker's own line is all then.
        """
        if job.detector in self._catalog:
            self._alarm(self._catalog[job.detector], job, message)

    def _alarm(
        self, detector: XPCSDetector, job: Job, message: str, verdict: Verdict | None = None, about: str = ""
    ) -> LogEntry:
        from xpcs_mask_bluesky.store.alarms import raise_alarm

        return raise_alarm(
            detector,
            run_uid=job.run_uid,
            name=job.name,
            stream=job.stream,
            first_seq_num=job.seq_num,
            time=job.time,
            message=message,
            about=about,
            facts=verdict.facts if verdict else None,
        )

    def _fault(self, job: Job) -> None:
        if job.detector in self._catalog:
            self._unmatched(self._catalog[job.detector], job, job.message)

    def _unmatched(self, detector: XPCSDetector, job: Job, reason: str) -> str:
        """Raise the alarm that a run has no partition of its own, and return its words."""
        verdict = self._standing.unmatched(detector, job)
        if verdict is None:
            self._alarm(detector, job, reason)
            return reason
        message = f"{reason}; {_stays(verdict)}"
        entry = self._alarm(detector, job, message, verdict, about=reason)
        self._standing.mark(job, verdict, entry.seq)
        return message

    def _geometries(self, jobs: list[Job]) -> None:
        detector = self._detector(jobs[0])
        newest = {(job.run_uid, job.stream): job for job in jobs}
        self._note(detector, [job for job in jobs if newest[job.run_uid, job.stream] is not job])
        for job in newest.values():
            if not self._told.overtaken(detector, job):
                self._publish(detector, job)

    def _again(self, jobs: list[Job]) -> None:
        detector = self._detector(jobs[0])
        newest = {(job.run_uid, job.stream, job.seq_num): job for job in jobs}
        for job in newest.values():
            self._publish(detector, job)

    def _note(self, detector: XPCSDetector, jobs: Sequence[Job]) -> None:
        name = jobs[0].name if jobs else ""
        for run_uid in dict.fromkeys(job.run_uid for job in jobs):
            notes = [job.note() for job in jobs if job.run_uid == run_uid]
            missing = self._told.missing(detector, run_uid, name, notes)
            if missing:
                detector.note_geometries(run_uid, missing)
                self._told.noted(detector, run_uid, name, missing)

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
                past=self._standing.past(detector, job),
            )
        except (ValueError, LookupError) as refusal:
            if is_away(refusal):
                raise
            self._refuse(detector, job, refusal)
        else:
            self._took(detector, job, use)

    def _took(self, detector: XPCSDetector, job: Job, use: PartitionUse) -> None:
        self._told.published(detector, job)
        past = self._standing.overtaken(detector, job.name, use.revision)
        publication = Publication(use, job, time.time() - job.received, past=past)
        if not past:
            self._say_moved(detector, job)
            self._standing.took(detector, job.name, use)
        self._published(publication)

    def _say_moved(self, detector: XPCSDetector, job: Job) -> None:
        verdict = self._standing.moved(detector, job)
        if verdict is not None:
            run = f"of run {verdict.use.run_uid[:8]}" if verdict.use.run_uid else "published between runs"
            message = f"the geometry left that of the partition {run}, which was in force: {verdict.words}"
            self._alarm(detector, job, message, verdict)
            self._moved(job, message)

    def _refuse(self, detector: XPCSDetector, job: Job, refusal: Exception) -> None:
        run = f"run {job.run_uid[:8]}" if job.run_uid else "its newest geometry"
        message = f"no partition {job.name!r} of {job.detector} for {run}: {refusal}"
        if job.kind == "geometry":
            self._note(detector, [job])
        self._refused(job, self._unmatched(detector, job, message))

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
