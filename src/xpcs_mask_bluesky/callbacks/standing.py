"""Which partition is in force for each detector, and whether what was measured last still fits it.

Used in the worker's thread. While the geometry stands, nothing is read and nothing computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.staleness import Tolerance, geometry_moved

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.jobs import Job
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.uses import PartitionUse

Place = tuple[str, str]
"""A detector and the name of a recipe."""


@dataclass(frozen=True)
class Verdict:
    """How a run's geometry fits the partition in force."""

    use: PartitionUse
    matches: bool
    words: str
    facts: Mapping[str, Any]
    """For the log."""


class Standing:
    """The partitions in force.

    Args:
        tolerances: By detector and recipe; the default tolerance for all others.
    """

    def __init__(self, tolerances: Mapping[Place, Tolerance]) -> None:
        self._tolerances = tolerances
        self._uses: dict[Place, PartitionUse | None] = {}
        self._said: dict[Place, str] = {}

    def in_force(self, detector: XPCSDetector, name: str) -> PartitionUse | None:
        """Return the newest partition; the catalogue is asked once."""
        place = detector.name, name
        if place not in self._uses:
            try:
                self._uses[place] = detector.partition(name=name)
            except LookupError:
                self._uses[place] = None
        return self._uses[place]

    def overtaken(self, detector: XPCSDetector, name: str, revision: int) -> bool:
        """Return whether a log entry about a run is older than the partition in force.

        So it is where a run of the past is told again: it was judged then, and changes nothing now.
        """
        use = self.in_force(detector, name)
        return use is not None and revision < use.revision

    def past(self, detector: XPCSDetector, job: Job) -> bool:
        """Return whether a job is history: its partition then comes in force for its run alone."""
        return False

    def took(self, detector: XPCSDetector, name: str, use: PartitionUse) -> None:
        """Take a partition that was published: it is in force now, and fits."""
        self._uses[detector.name, name] = use
        self._said.pop((detector.name, name), None)

    def moved(self, detector: XPCSDetector, job: Job) -> Verdict | None:
        """Return what a run's geometry does to the partition of the run before, if too much."""
        use = self.in_force(detector, job.name)
        if use is None or job.kind != "geometry" or use.run_uid == job.run_uid:
            return None
        verdict = self._compared(use, job)
        return None if verdict is None or verdict.matches else verdict

    def unmatched(self, detector: XPCSDetector, job: Job) -> Verdict | None:
        """Return how the partition that stays in force fits a run that has none of its own."""
        use = self.in_force(detector, job.name)
        if use is None:
            return None
        verdict = self._compared(use, job) if job.record else None
        if verdict is None:
            known = bool(job.record) and GeometryRecord.model_validate(job.record).digest == use.geometry
            verdict = _verdict(
                use, known, "its geometry is the same" if known else "the geometry is not known"
            )
        return verdict

    def mark(self, job: Job, verdict: Verdict, revision: int) -> None:
        """Keep that the partition in force does not fit a run, if so.

        An alarm about another run that is older than the partition in force says nothing of it.
        """
        past = revision < verdict.use.revision and job.run_uid != verdict.use.run_uid
        if not verdict.matches and not past:
            self._said[job.detector, job.name] = f"run {job.run_uid[:8]}: {verdict.words}"

    def status(self) -> dict[str, dict[str, Any]]:
        """Return, by ``detector/recipe``, the partition in force, its run, and whether it matches."""
        return {
            "/".join(place): {
                "partition": use.partition.digest,
                "run": use.run_uid,
                "matches": place not in self._said,
                "why": self._said.get(place, ""),
            }
            for place, use in list(self._uses.items())
            if use is not None
        }

    def _compared(self, use: PartitionUse, job: Job) -> Verdict | None:
        """Return None for the same geometry, or if the two cannot be compared."""
        record = GeometryRecord.model_validate(job.record)
        if record.digest == use.geometry:
            return None
        try:
            comparison = geometry_moved(use.partition.read(), record)
        except (ValueError, DamagedData) as error:
            return _verdict(use, False, str(error))
        tolerance = self._tolerances.get((job.detector, job.name), Tolerance())
        exceeds = comparison.exceeds(tolerance)
        return _verdict(use, not exceeds, comparison.describe(), comparison.to_json())


def _verdict(
    use: PartitionUse, matches: bool, words: str, comparison: Mapping[str, Any] | None = None
) -> Verdict:
    facts = {
        "in_force": use.partition.digest,
        "of_run": use.run_uid,
        "matches": matches,
        "comparison": dict(comparison or {}),
    }
    return Verdict(use, matches, words, facts)
