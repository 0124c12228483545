"""What the catalogue raises beside Python's own exceptions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx

PASSING = frozenset({401, 403, 408, 425, 429, 502, 503, 504})
"""Statuses that say nothing of the request: a key that is being renewed, a proxy, a server too busy."""


class CatalogUnavailable(ConnectionError):  # noqa: N818
    """The Tiled server does not answer; the message names its address."""


class Conflict(RuntimeError):  # noqa: N818
    """Somebody else changed what this edit builds on; nothing of it was stored."""


class DamagedData(RuntimeError):  # noqa: N818
    """Stored data do not have the digest they are filed under; they are not served."""


class AmbiguousPartition(LookupError):  # noqa: N818
    """Several partitions answer the question; ``choices`` lists them."""

    def __init__(self, message: str, choices: Sequence[Any]) -> None:
        self.choices = tuple(choices)
        """The candidates, in order."""
        super().__init__("\n  ".join([message, *map(str, self.choices)]))


def is_away(error: BaseException) -> bool:
    """Return whether the same request may well succeed later: the server is away, busy or locked."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in PASSING
    if isinstance(error, json.JSONDecodeError):  # something between answered, and not in Tiled's words
        return True
    return isinstance(error, ConnectionError | TimeoutError | httpx.TransportError | PermissionError)
