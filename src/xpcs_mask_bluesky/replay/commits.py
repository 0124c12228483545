"""What a run told, put into the catalogue: by this process alone, one run after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.callbacks.handover import HandOver
from xpcs_mask_bluesky.callbacks.publisher import Publication, Publisher
from xpcs_mask_bluesky.callbacks.standing import Standing
from xpcs_mask_bluesky.store.inputs import adopt

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.jobs import Job
    from xpcs_mask_bluesky.callbacks.watchlist import Watched
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.replay.work import Worked
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.uses import PartitionUse


class History(Standing):
    """Judges nothing: what was in force when a run of the past was measured is not known now."""

    def in_force(self, detector: XPCSDetector, name: str) -> PartitionUse | None:
        """Return None."""
        return None

    def past(self, detector: XPCSDetector, job: Job) -> bool:
        """Return whether a later measurement than this one has its partition in force."""
        try:
            return detector.partition(name=job.name).time > job.time
        except LookupError:
            return False


@dataclass(frozen=True)
class Committed:
    """What came of a run."""

    publications: tuple[Publication, ...]
    """Its partitions: published now or before."""
    failures: tuple[str, ...]
    """Why parts of it have none."""


class Commits:
    """Commits runs.

    Args:
        catalog: Where to.
        entries: The detectors and recipes; the recipes are offered when a detector is first reached.
    """

    def __init__(self, catalog: MaskCatalog, entries: Iterable[Watched]) -> None:
        self._catalog = catalog
        self.notes: list[str] = []
        """Lines for people."""
        self.outdated = False
        """Whether the last run came with partitions of other masks or recipes than those in force."""
        self._before = {name: catalog[name].head() for name in catalog}
        self._publications: list[Publication] = []
        self._failures: list[str] = []
        self._exports = {
            (each.detector, each.name): HandOver(
                directory=each.export_to, name_to=None, function=None, say=self._failures.append
            )
            for each in entries
            if each.export_to is not None
        }
        recipes = {(each.detector, each.name): each.recipe for each in entries if each.recipe is not None}
        self._publisher = Publisher(
            catalog,
            recipes,
            published=self._published,
            refused=lambda job, message: self._failures.append(message),
            reached=lambda detector: None,
            say=self.notes.append,
            moved=lambda job, message: None,
            standing=History({}),
        )

    def commit(self, worked: Worked) -> Committed:
        """Put what a run told into the catalogue; again, it changes nothing.

        Raises:
            CatalogUnavailable: the server does not answer.
            ValueError: the detector has another shape.
        """
        self._publications.clear()
        self._failures.clear()
        self.outdated = False
        for (detector, name), packed in worked.packed:
            if detector in self._catalog:
                kept = adopt(self._catalog[detector], packed, name=name, run_uid=worked.uid)
                self.outdated |= not kept
        for (detector, _), group in groupby(worked.jobs, key=lambda job: (job.detector, job.name)):
            jobs = list(group)
            self._failures += [job.message for job in jobs if job.kind == "fault"]
            missing = detector not in self._catalog
            self._publisher.deliver(jobs)
            self.outdated |= missing and detector in self._catalog
        return Committed(tuple(self._publications), tuple(self._failures))

    def is_new(self, publication: Publication) -> bool:
        """Return whether the log did not tell of a publication when this began."""
        return publication.use.revision > self._before.get(publication.job.detector, 0)

    def _published(self, publication: Publication) -> None:
        self._publications.append(publication)
        export = self._exports.get((publication.job.detector, publication.job.name))
        if export is not None:
            export(publication)
