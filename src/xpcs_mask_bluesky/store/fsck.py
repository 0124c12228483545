"""Is a catalogue whole? Its log, and all that the log names, looked at piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from tiled.client.utils import ClientError

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import BLOBS, LOG, PARTITIONS
from xpcs_mask_bluesky.store.log import PAGE, LogEntry
from xpcs_mask_bluesky.store.made import RECIPE_RESOLVED, resolution_in
from xpcs_mask_bluesky.store.named import arrays_named, partitions_named
from xpcs_mask_bluesky.store.repair import heal_array, heal_partition, registered_file
from xpcs_mask_bluesky.store.snapshots import SNAPSHOT
from xpcs_mask_bluesky.store.state import KINDS, LAYERS, State
from xpcs_mask_bluesky.store.verify import makes

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

RESTORE = "restore the catalogue from a copy"
UNREADABLE = (DamagedData, ClientError, httpx.HTTPError, KeyError, ValueError, OSError)
"""What reading damaged storage through a server raises, all of it together."""
Progress = Callable[[Iterable[Any], str], Iterable[Any]]
"""Passes items on, and may show how far they are."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something in a catalogue that is not as it should be."""

    detector: str
    where: str
    """``log/00000007``, ``blobs/<digest>`` or ``partitions/<digest>``."""
    what: str
    remedy: str
    damage: bool = True
    """False for what is only left over, and harms nobody."""
    repair: Callable[[], None] | None = None
    """Mends it, where that is safe."""

    def describe(self) -> str:
        """Return one line for people."""
        kind = "DAMAGED" if self.damage else "left over"
        return f"{kind}: {self.detector}/{self.where}: {self.what}; {self.remedy}"


def quietly(items: Iterable[Any], what: str) -> Iterable[Any]:
    """Pass items on."""
    return items


def check_detector(
    detector: DetectorNode, *, directory: Path | None = None, progress: Progress = quietly
) -> list[Finding]:
    """Return what is wrong with a detector's log and with what it names.

    An entry that is missing at the very end of the log leaves no trace there; what it named is found as
    left over.

    Args:
        detector: Not changed.
        directory: Where the partitions' files are, if this process can read them.
        progress: Told what is looked at.
    """
    entries, findings = _read_log(detector, progress)
    findings += _fold(detector, entries, progress)
    findings += _check_blobs(detector, entries, progress)
    return findings + list(_check_partitions(detector, entries, directory, progress))


def _read_log(detector: DetectorNode, progress: Progress) -> tuple[list[LogEntry], list[Finding]]:
    """Return the entries that can be read, and a finding for each that is missing or damaged."""
    nodes = progress(detector[LOG].values().page_size(PAGE), f"{detector.name}: log")
    raw = {node.item["id"]: node.metadata for node in nodes}
    finding = partial(Finding, detector=detector.name, remedy=RESTORE)
    last = max((int(key) for key in raw), default=0)
    gaps = [f"{seq:08d}" for seq in range(1, last + 1) if f"{seq:08d}" not in raw]
    findings = [finding(where=f"{LOG}/{key}", what="this entry is missing") for key in gaps]
    entries: list[LogEntry] = []
    for key in sorted(raw):
        try:
            entry = LogEntry.from_metadata(raw[key])
        except ValueError as error:
            findings.append(finding(where=f"{LOG}/{key}", what=str(error)))
            continue
        if f"{entry.seq:08d}" == key:
            entries.append(entry)
        else:
            findings.append(finding(where=f"{LOG}/{key}", what=f"the entry says that it is {entry.seq}"))
    return entries, findings


def _fold(detector: DetectorNode, entries: list[LogEntry], progress: Progress) -> list[Finding]:
    """Return a finding for each layer that the log cannot be followed through, or makes another raster."""
    state, stopped, findings = State(), set[str](), list[Finding]()
    rasters: set[tuple[str, str]] = set()
    for entry in progress(entries, f"{detector.name}: masks"):
        if entry.kind not in (*KINDS, RECIPE_RESOLVED) or entry.kind in stopped:
            continue
        try:
            if entry.kind == RECIPE_RESOLVED:
                PartitionRecipe.model_validate(resolution_in(entry)[1])
            state.take(entry)
            wrong = _another_raster(detector, state, entry, rasters)
        except (DamagedData, KeyError, ValueError) as error:
            stopped.add(entry.kind)
            wrong = f"from here on the {entry.kind} cannot be told: {error}"
        if wrong:
            where = f"{LOG}/{entry.seq:08d}"
            findings.append(Finding(detector=detector.name, where=where, what=wrong, remedy=RESTORE))
    return findings


def _another_raster(
    detector: DetectorNode, state: State, entry: LogEntry, seen: set[tuple[str, str]]
) -> str | None:
    """Return what is wrong if the operations make another raster than told; each is looked at once."""
    told = entry.body.get("raster")
    if entry.kind not in LAYERS or told is None or (entry.body["state"], told) in seen:
        return None
    seen.add((entry.body["state"], told))
    try:
        same = makes(detector, state.layers[entry.kind], told)
    except UNREADABLE:  # an array is missing or damaged, which is a finding of its own
        return None
    return None if same else f"the {entry.kind} evaluates to another raster here than where it was made"


def _check_blobs(detector: DetectorNode, entries: list[LogEntry], progress: Progress) -> list[Finding]:
    """Return the arrays that are missing, damaged, half-written or left over."""
    needed, there = arrays_named(entries), set(detector[BLOBS])
    findings: list[Finding] = []
    for digest in progress(sorted(there | set(needed)), f"{detector.name}: arrays"):
        wrong = _wrong_with_array(detector, digest) if digest in there else "the array is missing"
        if digest not in needed:
            state = f"no entry names this array ({wrong})" if wrong else "no entry names this array"
            findings.append(_left_over(detector, f"{BLOBS}/{digest}", state))
        elif wrong:
            entry = needed[digest]
            mend = partial(heal_array, detector, digest, entry) if entry.kind == SNAPSHOT else None
            findings.append(
                Finding(
                    detector=detector.name,
                    where=f"{BLOBS}/{digest}",
                    what=f"{wrong} (entry {entry.seq} names it)",
                    remedy="--repair evaluates the mask again" if mend else _remedy_of_array(wrong),
                    repair=mend,
                )
            )
    return findings


def _remedy_of_array(wrong: str) -> str:
    half = "half-written" in wrong or "missing" in wrong
    return f"import the same mask again, which heals it, or {RESTORE}" if half else RESTORE


def _wrong_with_array(detector: DetectorNode, digest: str) -> str | None:
    try:
        node = detector[BLOBS][digest]
        array = np.asarray(node.read())
    except UNREADABLE as error:
        return f"the array cannot be read ({error})"
    if array_digest(array) == digest:
        return None
    return "the stored array was changed" if node.metadata.get("sealed") else "the array is half-written"


def _check_partitions(
    detector: DetectorNode, entries: list[LogEntry], directory: Path | None, progress: Progress
) -> Iterator[Finding]:
    """Yield the partitions that are missing, damaged, half-written or left over."""
    needed, there = partitions_named(entries), set(detector[PARTITIONS])
    for digest in progress(sorted(there | set(needed)), f"{detector.name}: partitions"):
        wrong = (
            _wrong_with_partition(detector, digest, directory)
            if digest in there
            else "the partition is missing"
        )
        where = f"{PARTITIONS}/{digest}"
        if digest not in needed:
            state = f"no entry names this partition ({wrong})" if wrong else "no entry names this partition"
            yield _left_over(detector, where, state)
        elif wrong:
            if digest not in there and directory is not None and (directory / f"{digest}.hdf").exists():
                wrong = "the partition's file is there, but not registered"
            yield Finding(
                detector=detector.name,
                where=where,
                what=f"{wrong} (entry {needed[digest].seq} names it)",
                remedy="--repair computes it anew from the log",
                repair=partial(heal_partition, detector, digest, needed[digest], directory),
            )


def _wrong_with_partition(detector: DetectorNode, digest: str, directory: Path | None) -> str | None:
    file = registered_file(detector, digest)
    if file is not None and file.parent == directory and not file.exists():
        return f"the partition's file {file.name[:12]}….hdf is lost"  # Tiled's client would ask for long
    try:
        detector.stored.get(digest).read()
    except UNREADABLE as error:
        return str(error)
    return None


def _left_over(detector: DetectorNode, where: str, what: str) -> Finding:
    remedy = "nobody is harmed; gc removes it"
    return Finding(detector=detector.name, where=where, what=what, remedy=remedy, damage=False)
