"""Log entries that say why a part of a run has no partition of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tiled.queries import Eq

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.store.log import Draft

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.clients import XPCSDetector

ALARM = "alarm"


def raise_alarm(
    detector: XPCSDetector,
    *,
    run_uid: str,
    name: str,
    stream: str,
    first_seq_num: int,
    time: float,
    message: str,
) -> None:
    """Commit an alarm; the same one again makes no second entry.

    Args:
        detector: Whose log.
        run_uid: The run.
        name: Of the recipe.
        stream: Of the event.
        first_seq_num: Event from which on the run's geometry or partition is not known.
        time: Of the document, seconds since the epoch.
        message: One line for people.
    """
    key = json_digest([run_uid, name, stream, first_seq_num, message])
    if detector.commits.last(Eq("lineage.alarm", key)) is not None:
        return
    draft = Draft(
        kind=ALARM,
        author=detector.author,
        principal=detector.principal,
        lineage={"run_uid": run_uid, "name": name, "alarm": key, "time": time},
        body={"message": message, "stream": stream, "first_seq_num": first_seq_num},
    )
    detector.state.took(detector.commits.append(draft, since=detector.commits.head()))
