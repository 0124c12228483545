"""An entry of the log in one line, for each kind of entry; and the clock beside it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.log import LogEntry


def entry_words(entry: LogEntry) -> str:
    """Return what an entry says; a kind that is not known here says its reason only."""
    body, lineage = entry.body, entry.lineage
    run = str(lineage.get("run_uid", ""))[:8]
    match entry.kind:
        case "mask" | "blemish":
            said = str(body.get("words", ""))
        case "recipe set":
            said = f"recipe {body['name']!r}"
        case "recipe resolved":
            said = f"edges for geometry {entry.inputs['geometry'][:8]}"
        case "geometry":
            said = f"run {run}: {_counted(len(body['notes']), 'geometry', 'geometries')}"
        case "partition":
            dynamic, static = body["labels"]
            said = f"{body['partition'][:12]}: {dynamic} dynamic, {static} static labels"
        case "run use":
            last = body["last_seq_num"] or "end"
            events = f"{body['stream']} {body['first_seq_num']} to {last}"
            said = f"run {run}, {events}: partition {body['partition'][:12]} ({body['name']})"
        case "alarm":
            said = f"run {run}: {body['message']}"
        case "snapshot":
            said = f"raster of revision {body['mask_revision']}, {body['counted']} pixels count"
        case _:
            said = f"run {run}" if run else ""
    return " — ".join(each for each in (" ".join(said.split()), entry.reason) if each)


def clock(seconds: float) -> str:
    """Return a time, seconds since the epoch, as this machine's clock shows it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
