"""Which stored arrays and partitions the entries of a log name, by digest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xpcs_mask_bluesky.masks import operation_from_json
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.snapshots import SNAPSHOT
from xpcs_mask_bluesky.store.state import LAYERS
from xpcs_mask_bluesky.store.uses import PARTITION, RUN_USE

DIGEST = re.compile(r"[0-9a-f]{64}")


def mentioned(metadata: Mapping[str, Any]) -> set[str]:
    """Return every digest that stands anywhere in an entry, whatever it is of."""
    return set(DIGEST.findall(json.dumps(dict(metadata))))


def arrays_named(entries: Iterable[LogEntry]) -> dict[str, LogEntry]:
    """Return the digests of the arrays that entries need, each with the first entry that names it."""
    found: dict[str, LogEntry] = {}
    for entry in entries:
        for digest in _arrays_of(entry):
            found.setdefault(digest, entry)
    return found


def partitions_named(entries: Iterable[LogEntry]) -> dict[str, LogEntry]:
    """Return the digests of the partitions that entries name, each with the first entry that does."""
    found: dict[str, LogEntry] = {}
    for entry in entries:
        if entry.kind in (PARTITION, RUN_USE):
            found.setdefault(str(entry.body["partition"]), entry)
    return found


def _arrays_of(entry: LogEntry) -> Iterator[str]:
    if entry.kind == SNAPSHOT:
        yield entry.inputs["array"]
    elif entry.kind in LAYERS:
        for action in entry.body.get("actions", ()):
            if "operation" in action:
                yield from operation_from_json(dict(action["operation"])).needs_arrays
