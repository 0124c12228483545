"""The append-only log of a detector: the truth that everything else is derived from.

An entry is a Tiled node without data under the next 8-digit key. Creating a key that exists fails,
so the key is a compare-and-swap: no two writers get the same number, and no number is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tiled.queries import Comparison, In
from tiled.structures.core import Spec

from xpcs_mask_bluesky.store.entry_words import clock, entry_words
from xpcs_mask_bluesky.store.errors import Conflict, DamagedLog
from xpcs_mask_bluesky.store.layout import COMMIT_SPEC, SCHEMA_VERSION, create
from xpcs_mask_bluesky.store.search import metadata_found

PAGE = 300
"""Most entries that Tiled hands out in one answer."""
ATTEMPTS = 200


@dataclass(frozen=True, kw_only=True, repr=False)
class LogEntry:
    """One commit."""

    seq: int
    """From 1, without gaps; also the revision that ``revision=`` means."""
    time: float
    """When it was committed, seconds since the epoch."""
    kind: str
    """``mask``, ``blemish``, ``snapshot``, ``recipe set``, ``recipe resolved``, ``geometry``, ``partition``
    or ``run use``."""
    author: str = ""
    principal: str | None = None
    """Who the server says the author is, where it knows."""
    reason: str = ""
    parent: int = 0
    """The entry of the same kind that this one builds on; 0 for none."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Digests of what it was made from."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """What it is searched by."""
    body: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA_VERSION
    sealed: bool = True

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> LogEntry:
        """Return the entry that a node's metadata hold.

        Raises:
            ValueError: a newer version of this package wrote it.
            DamagedLog: (a ``ValueError``) it is not an entry's content.
        """
        if metadata.get("schema") != SCHEMA_VERSION:
            raise ValueError(
                f"log entry {metadata.get('seq')} has schema {metadata.get('schema')!r}; "
                f"this version reads {SCHEMA_VERSION}: was it written by a newer one?"
            )
        try:
            return cls(**metadata)
        except TypeError as error:
            raise DamagedLog(f"log entry {metadata.get('seq')} is damaged: {error}") from error

    def describe(self) -> str:
        """Return one line for people: number, time, kind, author, and what was done."""
        try:
            words = entry_words(self)
        except (KeyError, TypeError, ValueError):  # a body that does not hold what its kind has
            words = self.reason
        told = f"{self.seq}  {clock(self.time)}  {self.kind} by {self.author or 'unknown'}"
        return f"{told}: {words}" if words else told

    def __repr__(self) -> str:
        return f"<LogEntry {self.describe()}>"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A commit that has no number yet."""

    kind: str
    author: str = ""
    principal: str | None = None
    reason: str = ""
    parent: int = 0
    inputs: Mapping[str, str] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


def never(entry: LogEntry) -> bool:
    """Return False: entries of others do not matter."""
    return False


class Log:
    """The log under one Tiled container."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def head(self) -> int:
        """Return the number of the newest entry; 0 for an empty log. One request."""
        try:
            return int(self._container.keys().last())
        except IndexError:
            return 0

    def read(self, *queries: Any) -> list[LogEntry]:
        """Return the entries that match all of Tiled's ``queries``, oldest first."""
        found = metadata_found(self._container, queries, page=PAGE)
        return sorted(map(LogEntry.from_metadata, found), key=lambda entry: entry.seq)

    def last(self, *queries: Any, by: str | None = None) -> LogEntry | None:
        """Return the newest entry that matches all of Tiled's ``queries``. One request.

        Args:
            queries: Tiled's.
            by: What tells which is the newest, such as ``lineage.time``, and the number if that is equal;
                by default the number. On SQLite Tiled compares it as text.
        """
        newest = ("-",) if by is None else (f"-{by}", "-seq")
        found = next(metadata_found(self._container, queries, page=1, sort=newest), None)
        return None if found is None else LogEntry.from_metadata(found)

    def after(self, seq: int, kinds: Iterable[str] | None = None) -> list[LogEntry]:
        """Return the entries numbered above ``seq``, of these kinds or of all."""
        queries: list[Any] = [Comparison("gt", "seq", seq)] if seq else []
        if kinds is not None:
            queries.append(In("kind", list(kinds)))
        return self.read(*queries)

    def append(
        self,
        draft: Draft,
        *,
        since: int,
        conflicts: Callable[[LogEntry], bool] = never,
        instead: Callable[[LogEntry], bool] = never,
    ) -> LogEntry:
        """Commit ``draft`` under the next number and return the entry.

        Args:
            draft: What to commit.
            since: The newest entry that the draft takes into account.
            conflicts: Whether an entry made since then makes the draft invalid.
            instead: Whether an entry made since then already says what the draft says; it is
                returned, and nothing is committed.

        Raises:
            Conflict: an entry conflicts; nothing was committed.
        """
        for _ in range(ATTEMPTS):
            entry = LogEntry(seq=since + 1, time=round(time.time(), 6), **vars(draft))
            try:
                self._create(entry)
            except KeyError:
                for other in self.after(since):
                    if instead(other):
                        return other
                    if conflicts(other):
                        raise Conflict(_conflict(draft, other), entry=other) from None
                    since = max(since, other.seq)
            else:
                return entry
        raise Conflict(f"no free number for a {draft.kind!r} entry in {ATTEMPTS} attempts")

    def _create(self, entry: LogEntry) -> None:
        spec = Spec(COMMIT_SPEC, version=str(SCHEMA_VERSION))
        create(self._container, f"{entry.seq:08d}", metadata=vars(entry), specs=[spec])


def _conflict(draft: Draft, other: LogEntry) -> str:
    what = other.body.get("words") or other.describe()
    return (
        f"this {draft.kind!r} entry builds on entry {draft.parent}, but "
        f"{other.author or 'somebody'} has meanwhile committed entry {other.seq}: {what}; "
        "nothing was stored; look, then rebase() to put yours on top, or edit again"
    )
