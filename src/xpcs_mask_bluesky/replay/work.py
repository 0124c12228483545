"""What is computed of one run, in whichever process: documents → geometries → partitions, packed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from xpcs_mask_bluesky.callbacks.jobs import Job, order
from xpcs_mask_bluesky.documents.places import Reading
from xpcs_mask_bluesky.documents.source import GeometrySource
from xpcs_mask_bluesky.documents.tracker import GeometryTracker
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.replay.lines import decoded
from xpcs_mask_bluesky.store.inputs import Inputs
from xpcs_mask_bluesky.store.packed import Packed
from xpcs_mask_bluesky.store.uses import use_key


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A detector under one recipe name, with all that its partitions are made from."""

    source: GeometrySource
    name: str
    """Of the recipe."""
    inputs: Inputs | None = field(default=None, repr=False)
    """None while the catalogue knows no such detector, or no recipe of that name: nothing is packed then."""
    accepted: Mapping[str, Reading] = field(default_factory=dict)
    """Of the accepted calibration, by field."""

    @property
    def place(self) -> tuple[str, str]:
        """The detector and the name of the recipe."""
        return self.source.detector, self.name


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What one run told."""

    uid: str
    stopped: bool
    """Whether its stop was there; else it may go on."""
    jobs: tuple[Job, ...] = ()
    """As a callback would have handed them to its worker, for each recipe name in turn."""
    packed: tuple[tuple[tuple[str, str], Packed], ...] = ()
    """By detector and recipe name, the partitions that publishing the jobs will want."""
    seconds: float = 0.0
    """That it took."""


def work(watches: Iterable[Watch], uid: str, documents: bytes, told: frozenset[str] = frozenset()) -> Worked:
    """Return what a run tells, with its partitions.

    Args:
        watches: What to look for.
        uid: Of the run.
        documents: Of the run, one of JSON a line.
        told: Keys of the uses that the log tells already, which nothing is packed for.

    Raises:
        ValueError: the documents are none, or those of another run.
        LookupError: a document lacks what it must have.
        TypeError: something in a document is not what it must be.
    """
    began = time.perf_counter()
    said = list(decoded(documents))
    if not said or said[0][0] != "start" or said[0][1].get("uid") != uid:
        raise ValueError(f"its documents do not begin with the start of run {uid}; is the catalogue whole?")
    jobs: list[Job] = []
    packed: list[tuple[tuple[str, str], Packed]] = []
    for watch in watches:
        found = _jobs(watch, said)
        jobs += found
        packed += [(watch.place, each) for each in _packed(watch, found, told)]
    stopped = any(name == "stop" and doc for name, doc in said)
    seconds = time.perf_counter() - began
    return Worked(uid=uid, stopped=stopped, jobs=tuple(jobs), packed=tuple(packed), seconds=seconds)


def _jobs(watch: Watch, documents: Iterable[tuple[str, dict]]) -> list[Job]:
    tracker = GeometryTracker(watch.source)
    tracker.accepted = watch.accepted
    return [
        order(found, watch.source.detector, watch.name).job()
        for name, doc in documents
        if not (name == "stop" and not doc)  # databroker's way to say that there is none
        for found in tracker(name, doc)
    ]


def _packed(watch: Watch, jobs: list[Job], told: frozenset[str]) -> list[Packed]:
    """Return the partitions of the geometries that are published: the last of each stream."""
    if watch.inputs is None:
        return []
    from xpcs_mask_bluesky.callbacks.warm import keep_compiled

    keep_compiled()
    packed: dict[str, Packed] = {}
    for job in to_publish(jobs):
        record = GeometryRecord.model_validate(job.record)
        if record.digest in watch.inputs.made or record.digest in packed or _use(job, record) in told:
            continue
        try:
            packed[record.digest] = watch.inputs.pack(record, run_uid=job.run_uid)
        except ValueError:  # the publisher meets it again, and writes down why
            continue
    return list(packed.values())


def _use(job: Job, record: GeometryRecord) -> str:
    return use_key(
        run_uid=job.run_uid,
        name=job.name,
        geometry=record.digest,
        stream=job.stream,
        first_seq_num=job.seq_num,
    )


def to_publish(jobs: Iterable[Job]) -> list[Job]:
    """Return the jobs that a publisher makes a partition for, if it is handed all of them at once."""
    newest: list[Job] = []
    for kind, group in groupby(jobs, key=lambda job: job.kind):
        if kind == "geometry":
            newest += {job.stream: job for job in group}.values()
        elif kind == "republish":
            newest += {(job.stream, job.seq_num): job for job in group}.values()
    return newest
