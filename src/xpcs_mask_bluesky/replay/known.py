"""What the catalogue tells of runs before they are replayed, asked for many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tiled.queries import Eq, In

from xpcs_mask_bluesky.store.uses import RUN_USE

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.replay.record import Entries
    from xpcs_mask_bluesky.store.log import LogEntry

AT_ONCE = 50
"""Uids or numbers of one question; they stand in its address."""


def confirmed(catalog: MaskCatalog, done: Mapping[str, Entries]) -> set[str]:
    """Return those of the runs that the logs tell of as a record says."""
    held = {uid for uid, entries in done.items() if not entries}  # of a run that told nothing
    wanted: dict[str, dict[int, str]] = {}
    for uid, entries in done.items():
        for detector, seq in entries.items():
            wanted.setdefault(detector, {})[seq] = uid
    found: dict[str, set[str]] = {}
    for detector, runs in wanted.items():
        for entry in _read(catalog, detector, "seq", list(runs)):
            if entry.lineage.get("run_uid") == runs[entry.seq]:
                found.setdefault(runs[entry.seq], set()).add(detector)
    return held | {uid for uid, entries in done.items() if entries and found.get(uid) == set(entries)}


def uses_told(catalog: MaskCatalog, detectors: Iterable[str], uids: Sequence[str]) -> dict[str, set[str]]:
    """Return, by the uid of a run, the keys of the uses of partitions that the logs tell."""
    told: dict[str, set[str]] = {uid: set() for uid in uids}
    for detector in detectors:
        for entry in _read(catalog, detector, "lineage.run_uid", uids, Eq("kind", RUN_USE)):
            told[entry.lineage["run_uid"]].add(entry.lineage["use"])
    return told


def _read(
    catalog: MaskCatalog, detector: str, key: str, values: Sequence[object], *queries: object
) -> Iterator[LogEntry]:
    if detector not in catalog:
        return
    log = catalog[detector].commits
    for first in range(0, len(values), AT_ONCE):
        yield from log.read(In(key, list(values[first : first + AT_ONCE])), *queries)
