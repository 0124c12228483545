"""How a person says when: a revision, a time, or a run."""

from __future__ import annotations

from datetime import datetime

POINT = "A revision, a time (2026-11-25T03:00, local unless it ends in an offset), or the uid of a run."


def point(text: str) -> int | datetime | str:
    """Return a revision, a time with its zone, or else the uid of a run.

    Args:
        text: A time without an offset from UTC is this machine's.
    """
    if text.isdecimal():
        return int(text)
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return text


def moment(text: str) -> float | int:
    """Return a revision as ``int``, or a time in seconds since the epoch as ``float``.

    Raises:
        ValueError: it is neither.
    """
    found = point(text)
    if isinstance(found, str):
        raise ValueError(f"{text!r} is neither a revision nor a time such as 2026-11-25T03:00")
    return found if isinstance(found, int) else found.timestamp()
