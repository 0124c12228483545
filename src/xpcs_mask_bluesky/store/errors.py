"""What the catalogue raises beside Python's own exceptions."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.log import LogEntry

PASSING = frozenset({401, 403, 408, 425, 429, 502, 503, 504, 507})
"""Statuses that say nothing of the request: a key being renewed, a proxy, a server too busy or full."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the operating system says where a disk or a quota is full."""


class CatalogUnavailable(ConnectionError):  # noqa: N818
    """The Tiled server does not answer; the message names its address."""


class NotPermitted(PermissionError):  # noqa: N818
    """The API key lacks the right to do something; the message names the scopes or the role."""


class Conflict(RuntimeError):  # noqa: N818
    """Somebody else changed what this edit builds on; nothing of it was stored."""

    def __init__(self, message: str, *, entry: LogEntry | None = None) -> None:
        self.entry = entry
        """What the other one committed, where that is known."""
        self._again: Callable[[], None] | None = None
        super().__init__(message)

    def offers(self, rebase: Callable[[], None]) -> None:
        """Let :meth:`rebase` do this."""
        self._again = rebase

    def rebase(self) -> None:
        """Commit the edit on top of what the other one did; neither loses anything.

        Raises:
            Conflict: that would take back or change what the other one did; nothing was stored.
            LookupError: this was no edit of a mask.
        """
        if self._again is None:
            raise LookupError("only an edit of a mask or blemish can be rebased; do it again")
        self._again()


class DamagedData(RuntimeError):  # noqa: N818
    """Stored data do not have the digest they are filed under; they are not served."""


class DamagedLog(DamagedData, ValueError):  # noqa: N818
    """An entry of a log is missing, or does not hold what it says; nothing is derived from it."""


class AmbiguousPartition(LookupError):  # noqa: N818
    """Several partitions answer the question; ``choices`` lists them."""

    def __init__(self, message: str, choices: Sequence[Any]) -> None:
        self.choices = tuple(choices)
        """The candidates, in order."""
        super().__init__("\n  ".join([message, *map(str, self.choices)]))


def is_away(error: BaseException) -> bool:
    """Return whether the same request may well succeed later: the server is away, busy, locked or full."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in PASSING
    if isinstance(error, json.JSONDecodeError):  # something between answered, and not in Tiled's words
        return True
    if has_no_room(error):
        return True
    return isinstance(error, ConnectionError | TimeoutError | httpx.TransportError | PermissionError)


def has_no_room(error: BaseException) -> bool:
    """Return whether a full disk, or quota, is the cause of an error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in NO_ROOM:
            return True
        if isinstance(seen, sqlite3.OperationalError) and "disk is full" in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
