"""What must hold of a catalogue after any fault, as a reader sees it who shares nothing with the writer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.system.faults.run import DETECTOR
from xpcs_mask_bluesky import MaskCatalog, read_qmap
from xpcs_mask_bluesky.callbacks.spool import jobs_in
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import LOG, PARTITIONS
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.state import fold

Place = tuple[str, str, int, str]
"""Run, stream, event and the geometry's digest."""


class Reader:
    """Verifies a catalogue again and again, what is new each time."""

    def __init__(self, catalog: MaskCatalog, files: Path | None = None) -> None:
        self._catalog, self._files = catalog, files
        self._verified: set[str] = set()
        self._read = set(self._seen())  # of other tests before, which damage some on purpose
        self.unfinished: set[str] = set()
        """Partitions that nobody is handed, since their writer died."""

    def verify(self) -> list[LogEntry]:
        """Return the log, after checking it and every partition that can be seen."""
        catalog = MaskCatalog.open(self._catalog.client, path=self._catalog.path)
        if DETECTOR not in catalog or LOG not in list(catalog[DETECTOR]):
            return []  # its first writer died before
        detector = catalog[DETECTOR]
        entries = detector.log()
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        assert fold(entries).seq == len(entries)
        for digest in set(detector[PARTITIONS]) - self._verified:
            try:
                assert detector.stored.get(digest).read().digest == digest
                self._verified.add(digest)
                self.unfinished.discard(digest)
            except DamagedData as error:
                assert "was not finished" in str(error)
                self.unfinished.add(digest)
        named = {entry.body["partition"] for entry in entries if entry.kind in {"partition", "run use"}}
        assert named <= self._verified
        self._verify_files()
        return entries

    def _verify_files(self) -> None:
        for path in set(self._seen()) - self._read:
            assert read_qmap(path).digest == path.stem
            self._read.add(path)

    def _seen(self) -> Iterator[Path]:
        return self._files.glob("[!.]*.hdf") if self._files else iter(())

    @property
    def verified(self) -> int:
        """How many partitions were read and verified."""
        return len(self._verified)


def places_in_log(entries: list[LogEntry]) -> Counter[Place]:
    """Return how often the log tells each geometry of each run."""
    told: Counter[Place] = Counter()
    for entry in entries:
        if entry.kind == "geometry":
            told.update(_place(entry.lineage["run_uid"], note) for note in entry.body["notes"])
        elif entry.kind == "run use":
            told[_place(entry.lineage["run_uid"], entry.body)] += 1
    return told


def places_in_spool(directory: Path) -> list[Place]:
    """Return what waits in a dead process' spool files, in their order."""
    jobs = [job for path in sorted(directory.glob("*.sqlite")) for job in jobs_in(path)]
    return [
        (job.run_uid, job.stream, job.seq_num, GeometryRecord.model_validate(job.record).digest)
        for job in jobs
        if job.kind == "geometry"
    ]


def _place(run_uid: str, content: dict[str, Any]) -> Place:
    digest = GeometryRecord.model_validate(content["record"]).digest
    return run_uid, content["stream"], content["first_seq_num"], digest
