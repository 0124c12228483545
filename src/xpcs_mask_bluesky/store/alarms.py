"""Log entries that say why a part of a run has no partition of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tiled.queries import Eq

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.store.log import Draft, LogEntry

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

ALARM = "alarm"
_NUMBER = re.compile(r"\d[\d.]*(e[+-]?\d+)?")


def raise_alarm(
    detector: DetectorNode,
    *,
    run_uid: str,
    name: str,
    stream: str,
    first_seq_num: int,
    time: float,
    message: str,
    about: str = "",
    facts: Mapping[str, Any] | None = None,
) -> LogEntry:
    """Commit an alarm; the same reason again in a run makes no second entry, whatever numbers it tells.

    Returns that entry, or the first one.

    Args:
        detector: Whose log.
        run_uid: The run.
        name: Of the recipe.
        stream: Of the event.
        first_seq_num: First event for which the run's geometry or partition is not known.
        time: Of the document, seconds since the epoch.
        message: One line for people.
        about: The reason without what depends on when it is said; by default the message.
        facts: The same for programs: the partition that stays in force, and what moved.
    """
    key = json_digest([run_uid, name, _NUMBER.sub("#", about or message)])
    known = detector.commits.last(Eq("lineage.alarm", key))
    if known is not None:
        return known
    draft = Draft(
        kind=ALARM,
        author=detector.author,
        principal=detector.principal,
        lineage={"run_uid": run_uid, "name": name, "alarm": key, "time": time},
        body={"message": message, "stream": stream, "first_seq_num": first_seq_num, **(facts or {})},
    )
    said = lambda entry: entry.lineage.get("alarm") == key  # noqa: E731
    entry = detector.commits.append(draft, since=detector.commits.head(), instead=said)
    detector.state.took(entry)
    return entry
