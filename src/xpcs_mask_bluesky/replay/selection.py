"""Which runs of a catalogue are meant, and what every catalogue of runs can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Runs by their uids, or those that began in a time span and whose start document says something.

    Raises:
        ValueError: nothing is selected, both ways are used at once, or the span ends before it begins.
    """

    uids: tuple[str, ...] = ()
    """Whole, or the beginning of each."""
    since: float | None = None
    """Seconds since the epoch; a run that began then counts."""
    until: float | None = None
    """Seconds since the epoch; a run that began then does not count."""
    where: Mapping[str, Any] = field(default_factory=dict)
    """By key of the start document, with dots between the keys of what is nested: the value there."""
    every: bool = False
    """All runs there are, if nothing else says which."""

    def __post_init__(self) -> None:
        searched = self.since is not None or self.until is not None or bool(self.where) or self.every
        if self.uids and searched:
            raise ValueError("runs are selected by their uids or by a search, not by both")
        if not (self.uids or searched):
            raise ValueError("no run is selected; say uids, a time span, what start documents hold, or all")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError(f"the time span ends ({self.until}) before it begins ({self.since})")


class Runs(Protocol):
    """A catalogue of runs."""

    @property
    def name(self) -> str:
        """The same for the same catalogue, whoever asks and whenever; it holds no key."""
        ...

    def find(self, selection: Selection) -> list[str]:
        """Return the uids of the selected runs in the order in which they began.

        Raises:
            LookupError: a uid is none of a run there, or the beginning of several.
        """
        ...

    def documents(self, uid: str) -> bytes:
        """Return a run's documents in order, one ``{"name": …, "doc": …}`` of JSON a line.

        Raises:
            LookupError: there is no such run.
            ValueError: the catalogue cannot hand out its documents.
        """
        ...
