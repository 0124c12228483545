"""Deliver jobs to a catalogue: every geometry noted, the newest of each run published."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.geometry import GeometryRecord

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.uses import GeometryNote, PartitionUse


@dataclass(frozen=True)
class Publication:
    """A partition that was published and linked to its run."""

    use: PartitionUse
    job: Job
    seconds: float
    """From the document to the link."""


class Publisher:
    """Puts jobs into a catalogue.

    Args:
        catalog: Where to.
        recipes: By detector and name; each is put in force when its detector is first reached.
        published: Called with each publication, in the worker's thread.
    """

    def __init__(
        self,
        catalog: MaskCatalog,
        recipes: Mapping[tuple[str, str], PartitionRecipe],
        published: Callable[[Publication], None],
    ) -> None:
        self._catalog, self._recipes, self._published = catalog, recipes, published
        self._in_force: set[tuple[str, str]] = set()

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Deliver jobs of one detector and recipe name, in order; doing it again changes nothing.

        Raises:
            CatalogUnavailable: If the server does not answer.
            ValueError: If a geometry cannot be partitioned: no pixel counted, more bins than pixels, …
            LookupError: If no recipe of that name is in force.
        """
        for kind, group in groupby(jobs, key=lambda job: job.kind):
            if kind == "fault":
                for job in group:
                    self.alarm(job, job.message)
            else:
                self._geometries(list(group))

    def alarm(self, job: Job, message: str) -> None:
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
            )

    def _geometries(self, jobs: list[Job]) -> None:
        detector = self._detector(jobs[0])
        newest = {job.run_uid: job for job in jobs}
        skipped = [job for job in jobs if newest[job.run_uid] is not job]
        for run_uid in dict.fromkeys(job.run_uid for job in skipped):
            detector.note_geometries(run_uid, [_note(job) for job in skipped if job.run_uid == run_uid])
        for job in newest.values():
            self._publish(detector, job)

    def _publish(self, detector: XPCSDetector, job: Job) -> None:
        use = detector.publish(
            GeometryRecord.model_validate(job.record),
            run_uid=job.run_uid,
            name=job.name,
            stream=job.stream,
            first_seq_num=job.seq_num,
            time=job.time,
            provenance=job.provenance,
        )
        self._published(Publication(use, job, time.time() - job.received))

    def _detector(self, job: Job) -> XPCSDetector:
        record = GeometryRecord.model_validate(job.record)
        detector = self._catalog.create_detector(job.detector, shape=record.shape)
        place = job.detector, job.name
        if place in self._recipes and place not in self._in_force:
            detector.set_recipe(self._recipes[place], name=job.name)
            self._in_force.add(place)
        return detector


def _note(job: Job) -> GeometryNote:
    from xpcs_mask_bluesky.store.uses import GeometryNote

    return GeometryNote(
        record=GeometryRecord.model_validate(job.record),
        stream=job.stream,
        first_seq_num=job.seq_num,
        time=job.time,
        provenance=job.provenance,
    )
