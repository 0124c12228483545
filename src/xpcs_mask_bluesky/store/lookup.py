"""Questions to the log: the partition now, at a time, of a run; the mask then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tiled.queries import Comparison, Eq, KeyPresent, Like

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.alarms import ALARM
from xpcs_mask_bluesky.store.errors import AmbiguousPartition
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.partitions import PartitionHandle
from xpcs_mask_bluesky.store.publish import compute, inputs_of
from xpcs_mask_bluesky.store.uses import GEOMETRY, PAST, RUN_USE, GeometryNote, PartitionUse
from xpcs_mask_bluesky.threads import Threads

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.detector import DetectorNode


SHORTEST_UID = 6
"""Characters of a run's uid that are enough for a person to type, where no other begins so."""


def timestamp(at: datetime) -> float:
    """Return seconds since the epoch.

    Raises:
        ValueError: ``at`` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"at={at} has no time zone; pass at=datetime(…, tzinfo=timezone.utc)")
    return at.timestamp()


def uid_of(run: Any) -> str:
    """Return the uid of a run: given itself, or of a run as databroker's or Tiled's client returns it.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(run, str):
        return run
    try:
        return str(run.start["uid"])
    except (AttributeError, KeyError, TypeError) as error:
        raise TypeError(
            f"run is {run!r}; expected a uid, or a run of databroker's or Tiled's client"
        ) from error


def entries_of_run(detector: DetectorNode, run: str) -> tuple[str, list[LogEntry]]:
    """Return a run's whole uid, and the log entries about it.

    Args:
        detector: Whose log is asked.
        run: The uid, or the beginning of it that a person types.

    Raises:
        AmbiguousPartition: several runs begin so; the error lists them.
        LookupError: none does.
    """
    entries = detector.commits.read(Eq("lineage.run_uid", run))
    if entries:
        return run, entries
    if len(run) >= SHORTEST_UID and not set(run) & set("%_"):
        entries = detector.commits.read(Like("lineage.run_uid", f"{run}%"))
        entries = [each for each in entries if each.lineage["run_uid"].startswith(run)]
    uids = list(dict.fromkeys(each.lineage["run_uid"] for each in entries))
    if len(uids) > 1:
        raise AmbiguousPartition(f"{len(uids)} runs begin with {run!r}; type more of it:", uids)
    if not uids:
        raise LookupError(
            f"{detector.name!r} knows no run {run!r}; was the callback subscribed? "
            f"(A uid may be cut to {SHORTEST_UID} characters.)"
        )
    return uids[0], entries


def latest(
    detector: DetectorNode, name: str, at: datetime | None, revision: int | None = None
) -> PartitionUse:
    """Return the newest use of a named recipe, or the newest measured by ``at``, as of a revision.

    One that was told of a run of the past, after later ones, is not the newest.

    Raises:
        LookupError: there is none.
    """
    queries: list[Any] = [Eq("kind", RUN_USE), Eq("lineage.name", name)]
    if at is not None:
        queries.append(Comparison("le", "lineage.time", timestamp(at)))
    if revision is not None:
        queries.append(Comparison("le", "seq", revision))
    entry = _last(detector, queries, with_past=at is not None)
    if entry is None:
        when = "" if at is None else f" by {at.isoformat()}"
        raise LookupError(
            f"{detector.name!r} has no published partition {name!r}{when}; {_recipes(detector, ())}"
        )
    return detector.use_of(entry)


def _last(detector: DetectorNode, queries: list[Any], *, with_past: bool) -> LogEntry | None:
    """Return the last entry; of one among the past, the last by its time."""
    log = detector.commits
    if not with_past:
        return log.last(*queries, KeyPresent(f"lineage.{PAST}", exists=False))
    with Threads(1, "xpcs-mask-ask") as beside:
        past_of = beside.submit(log.last, *queries, Eq(f"lineage.{PAST}", True), by="lineage.time")
        entry = log.last(*queries, KeyPresent(f"lineage.{PAST}", exists=False))
    past = past_of.result()
    if entry is None or (past is not None and past.lineage["time"] > entry.lineage["time"]):
        return past
    return entry


def uses_of_run(
    detector: DetectorNode, run_uid: str, name: str | None, revision: int | None
) -> list[PartitionUse]:
    """Return the partitions of a run in the order of its events, one for each geometry it had.

    Raises:
        AmbiguousPartition: ``run_uid`` is the beginning of several.
        LookupError: the run is not known, or has no partition of that name.
    """
    run_uid, entries = entries_of_run(detector, run_uid)
    if revision is not None:
        entries = [entry for entry in entries if entry.seq <= revision]
    published = _published(detector, entries)
    names = sorted({use.name for use in published} or detector.state.latest().recipes)
    uses: list[PartitionUse] = []
    for each in [name] if name is not None else names:
        ours = [use for use in published if use.name == each]
        uses += _completed(ours, _on_demand(detector, entries, ours, each, run_uid))
    alarms = [entry.body["message"] for entry in entries if entry.kind == ALARM]
    if alarms and not published and not (uses and _can_be_made(uses[0])):
        raise LookupError(f"run {run_uid!r} has no partition: {alarms[-1]}")
    if name is not None and name not in names and name not in detector.state.latest().recipes:
        raise LookupError(f"run {run_uid!r} has no partition {name!r}; {_recipes(detector, names)}")
    return uses


def _recipes(detector: DetectorNode, published: Iterable[str]) -> str:
    """Return the names that may be asked for, in words."""
    names = sorted({*published, *detector.state.latest().recipes})
    return f"recipes here are {', '.join(names)}" if names else "no recipe is set here"


def _can_be_made(use: PartitionUse) -> bool:
    """Return whether what was refused then, for want of a recipe say, can be computed now."""
    try:
        use.partition.read()
    except (ValueError, LookupError):
        return False
    return True


def _published(detector: DetectorNode, entries: Iterable[LogEntry]) -> list[PartitionUse]:
    """Return the newest use for each place of a run and recipe name."""
    newest = {
        (entry.body["name"], entry.body["stream"], entry.body["first_seq_num"]): entry
        for entry in entries
        if entry.kind == RUN_USE
    }
    return [detector.use_of(entry) for entry in newest.values()]


def _on_demand(
    detector: DetectorNode,
    entries: Sequence[LogEntry],
    published: Sequence[PartitionUse],
    name: str,
    run_uid: str,
) -> list[PartitionUse]:
    """Return a use for each noted geometry that has none, computed when it is looked into."""
    there = {(use.stream, use.first_seq_num) for use in published}
    notes = {
        (note["stream"], note["first_seq_num"]): (entry.seq, GeometryNote.from_json(note))
        for entry in entries
        if entry.kind == GEOMETRY
        for note in entry.body["notes"]
    }
    skipped = [found for place, found in notes.items() if place not in there]
    last = max((use.mask_revision for use in published), default=None)
    revision = max((use.revision for use in published), default=0)
    return [
        PartitionUse(
            partition=on_demand(detector, note.record, name, max(seq, revision)),
            stream=note.stream,
            first_seq_num=note.first_seq_num,
            last_seq_num=note.last_seq_num,
            time=note.time,
            run_uid=run_uid,
            name=name,
            geometry=note.record.digest,
            revision=seq,
            mask_revision=seq if last is None else last,
        )
        for seq, note in skipped
    ]


def on_demand(detector: DetectorNode, record: GeometryRecord, name: str, revision: int) -> PartitionHandle:
    """Return the partition of a geometry that none was published for, made when looked into.

    It follows mask and recipe as they were at ``revision``, and the edges as they were resolved.
    """

    def load() -> Partition:
        state, now = detector.state.as_of(revision=revision), detector.state.latest()
        if name not in state.recipes and name in now.recipes:
            state.recipes[name] = now.recipes[name]
        digest = detector.made.partition(inputs_of(state, record, name))
        if digest is not None:
            return detector.stored.get(digest).read()
        return compute(detector, state, record, name)

    return PartitionHandle(load)


def _completed(*groups: Iterable[PartitionUse]) -> list[PartitionUse]:
    """Return all uses in order, each without an end ending where the next of its stream begins."""
    uses = sorted(
        (use for group in groups for use in group),
        key=lambda use: (use.stream != "primary", use.stream, use.first_seq_num),
    )
    return [
        replace(use, last_seq_num=following.first_seq_num - 1)
        if use.last_seq_num is None and following is not None and following.stream == use.stream
        else use
        for use, following in zip(uses, [*uses, None][1:], strict=True)
    ]


def choose(
    uses: Sequence[PartitionUse],
    *,
    run_uid: str,
    event: int | None,
    at: datetime | None,
    stream: str,
) -> PartitionUse:
    """Return the one use that a question means.

    Raises:
        AmbiguousPartition: several partitions answer; the error lists them.
        LookupError: none does.
    """
    if event is not None:
        uses = [use for use in uses if use.covers(event, stream)]
    if at is not None:
        uses = [use for use in uses if use.time <= timestamp(at)][-1:]
    if not uses:
        raise LookupError(f"run {run_uid!r} has no partition for event={event}, at={at}, {stream=}")
    if len({(use.geometry, use.mask_revision) for use in uses}) > 1:
        raise AmbiguousPartition(
            f"run {run_uid!r} has {len(uses)} partitions; pass event= or at=, or ask partitions():",
            uses,
        )
    return uses[0]
