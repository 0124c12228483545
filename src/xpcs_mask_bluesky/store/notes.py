"""The geometries that a run had: every one is noted, whether or not a partition was made for it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.uses import GEOMETRY, GeometryNote

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

NOTES_PER_ENTRY = 500


def note_geometries(
    detector: DetectorNode, run_uid: str, notes: Iterable[GeometryNote], author: str
) -> list[LogEntry]:
    """Commit geometries of a run, many in one entry."""
    content = [note.to_json() for note in notes]
    entries: list[LogEntry] = []
    for first in range(0, len(content), NOTES_PER_ENTRY):
        body = {"notes": content[first : first + NOTES_PER_ENTRY]}
        draft = Draft(kind=GEOMETRY, author=author, lineage={"run_uid": run_uid}, body=body)
        since = entries[-1].seq if entries else detector.commits.head()
        same = partial(_says, draft)  # a request whose answer was lost is sent again
        entries.append(detector.commits.append(draft, since=since, instead=same))
        detector.state.took(entries[-1])
    return entries


def _says(draft: Draft, entry: LogEntry) -> bool:
    return (entry.kind, entry.lineage, entry.body) == (draft.kind, draft.lineage, draft.body)
