"""Publish a run again, with the masks and recipes in force now; what it had before stays in the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store import lookup
from xpcs_mask_bluesky.store.drafts import Where
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.publish import publish
from xpcs_mask_bluesky.store.uses import GEOMETRY, RUN_USE, PartitionUse

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

Part = tuple[GeometryRecord, Where]


def republish(detector: DetectorNode, run_uid: str, name: str | None) -> list[PartitionUse]:
    """Publish every part of a run anew that was published, and return what answers now.

    A geometry that was only noted is computed on demand, and follows the newest revision; where nothing
    was published, for want of a recipe say, the newest geometry of each stream is.

    Raises:
        LookupError: the run is not known, or no recipe is in force.
    """
    run_uid, entries = lookup.entries_of_run(detector, run_uid)
    published = _published(entries, run_uid, name)
    parts = published or _noted(detector, entries, run_uid, name)
    if not parts:
        raise LookupError(
            f"{detector.name!r} knows no geometry of run {run_uid!r}; was the callback subscribed?"
        )
    for record, where in parts:
        publish(detector, record, where)
    return lookup.uses_of_run(detector, run_uid, name, None)


def _published(entries: Iterable[LogEntry], run_uid: str, name: str | None) -> list[Part]:
    newest: dict[tuple[str, str, int], Part] = {}
    for entry in entries:
        if entry.kind == RUN_USE and name in {None, entry.body["name"]}:
            body = entry.body
            place = body["name"], body["stream"], body["first_seq_num"]
            newest[place] = _part(body, run_uid, body["name"])
    return list(newest.values())


def _noted(detector: DetectorNode, entries: Sequence[LogEntry], run_uid: str, name: str | None) -> list[Part]:
    notes = {
        note["stream"]: note for entry in entries if entry.kind == GEOMETRY for note in entry.body["notes"]
    }
    names = sorted(detector.state.latest().recipes) if name is None else [name]
    return [_part(note, run_uid, each) for each in names for note in notes.values()]


def _part(said: Any, run_uid: str, name: str) -> Part:
    where = Where(
        run_uid=run_uid,
        name=name,
        stream=said["stream"],
        first_seq_num=said["first_seq_num"],
        last_seq_num=said["last_seq_num"],
        time=said["time"],
        provenance=said["provenance"],
        republish=True,
    )
    return GeometryRecord.model_validate(said["record"]), where
