"""Is the partition of a run still right? What was published is compared with what would be made now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.store import lookup
from xpcs_mask_bluesky.store.alarms import ALARM
from xpcs_mask_bluesky.store.publish import compute, recipe_in
from xpcs_mask_bluesky.store.staleness import Tolerance, geometry_moved, redone

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.uses import PartitionUse


@dataclass(frozen=True, kw_only=True)
class Part:
    """What was found of one geometry of a run."""

    stream: str
    first_seq_num: int
    last_seq_num: int | None
    name: str
    """Of the recipe."""
    partition: str
    """Digest of what the run is linked to."""
    stale: bool
    said: tuple[str, ...]
    """What differs, in words; empty where nothing does."""


@dataclass(frozen=True, kw_only=True)
class RunCheck:
    """Whether the partitions of a run are still right."""

    run: str
    detector: str
    parts: tuple[Part, ...]
    alarms: tuple[str, ...]
    """Of the run, from the log, in order."""

    @property
    def stale(self) -> bool:
        """Whether a part of the run has a partition that no longer fits, or none at all."""
        return not self.parts or any(part.stale for part in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON."""
        return asdict(self) | {"stale": self.stale}


def check_run(detector: DetectorNode, run_uid: str, *, tolerance: Tolerance | None = None) -> RunCheck:
    """Return what became of a run's partitions, all recipes of it.

    Each is compared with the one that the run's stored geometry gives under the mask and recipe now, and
    its geometry with that of the partition in force now.

    Args:
        detector: Of the run.
        run_uid: The run.
        tolerance: By default 0.5 % of all pixels, or 5 % of one bin.

    Raises:
        LookupError: the detector knows no such run.
        DamagedData: a stored partition is not what was published.
    """
    run_uid, entries = lookup.entries_of_run(detector, run_uid)
    alarms = tuple(entry.body["message"] for entry in entries if entry.kind == ALARM)
    try:
        uses = lookup.uses_of_run(detector, run_uid, None, None)
    except LookupError:
        if not alarms:
            raise
        uses = []
    parts = tuple(_part(detector, use, tolerance or Tolerance()) for use in uses)
    return RunCheck(run=run_uid, detector=detector.name, parts=parts, alarms=alarms)


def _part(detector: DetectorNode, use: PartitionUse, tolerance: Tolerance) -> Part:
    part = use.partition.read()
    stale, said = _against_now(detector, part, use.name, tolerance)
    return Part(
        stream=use.stream,
        first_seq_num=use.first_seq_num,
        last_seq_num=use.last_seq_num,
        name=use.name,
        partition=part.digest,
        stale=stale,
        said=(*said, *_against_in_force(detector, part, use.name)),
    )


def _against_now(
    detector: DetectorNode, part: Partition, name: str, tolerance: Tolerance
) -> tuple[bool, list[str]]:
    state = detector.state.latest()
    if recipe_in(state, name).digest != part.requested.digest:
        return True, [f"the recipe {name!r} has changed: republish, or keep what it was measured with"]
    try:
        now = compute(detector, state, part.record, name)
        comparison = redone(part, now)
    except ValueError as error:
        return True, [f"under the mask and recipe now: {error}"]
    if not comparison.changed:
        return False, []
    gained, lost = (int((a & ~b).sum()) for a, b in ((now.mask, part.mask), (part.mask, now.mask)))
    mask = f"the mask has changed, {lost} pixels fewer and {gained} more"
    return comparison.exceeds(tolerance), [f"{mask}: {comparison.describe().partition(': ')[2]}"]


def _against_in_force(detector: DetectorNode, part: Partition, name: str) -> list[str]:
    """Return how far the detector has moved since; that makes no partition of the past wrong."""
    newest = lookup.latest(detector, name, None)
    record = newest.partition.read().record
    if record.digest == part.record.digest:
        return []
    of_run = newest.run_uid[:8] or "none"
    return [f"since then (run {of_run}) {geometry_moved(part, record).describe()}"]
