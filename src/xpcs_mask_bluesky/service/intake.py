"""Where the inputs put documents: what is counted, said, and waited for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from xpcs_mask_bluesky.callbacks.complaints import Complaints

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.callback import PartitionCallback

NAMES = frozenset(
    {
        "start",
        "descriptor",
        "event",
        "event_page",
        "stop",
        "resource",
        "datum",
        "datum_page",
        "stream_resource",
        "stream_datum",
        "bulk_events",
        "bulk_datum",
    }
)
"""Of Bluesky's documents."""
LONGEST_WAIT = 0.2
"""Seconds until a thread that waits notices that it shall end."""


class Input(Protocol):
    """Something that documents come from."""

    @property
    def name(self) -> str:
        """What it listens to, for people; no key is in it."""
        ...

    def run(self, intake: Intake, stop: threading.Event) -> None:
        """Hand documents over until ``stop`` is set, or until there are no more."""
        ...


class Intake:
    """Hands documents to a callback.

    Args:
        callback: Takes them.
        complaints: Where it is said what could not be used.
    """

    def __init__(self, callback: PartitionCallback, complaints: Complaints | None = None) -> None:
        self._callback, self._complaints = callback, complaints or Complaints()
        self.counts: Counter[str] = Counter()
        """``documents``, ``runs`` that stopped, and what was ``unusable``."""

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document."""
        self.counts["documents"] += 1
        self.counts["runs"] += name == "stop"
        self._callback(name, doc)

    def unusable(self, what: str) -> None:
        """Count what is no document, and say it, the same at most once a minute."""
        self.counts["unusable"] += 1
        self._complaints.warn(f"{what}; {self.counts['unusable']} so far")

    def warn(self, message: str) -> None:
        """Say what goes wrong and may pass, the same at most once a minute."""
        self._complaints.warn(message)

    def kept(self, stop: threading.Event, *, grace: float = 10.0) -> bool:
        """Return whether all that was taken is on disk or delivered; wait for that while it is not.

        Only then may an input forget it. A full disk makes it wait for as long as it takes, after ``stop``
        for ``grace`` seconds.
        """
        while not stop.is_set():
            if self._callback.kept(LONGEST_WAIT):
                return True
        return self._callback.kept(grace)


def check(name: object, doc: object) -> tuple[str, dict[str, Any]]:
    """Return a document as the callback takes it.

    Raises:
        ValueError: It is none: its name is unknown, or it is no mapping.
    """
    if not isinstance(name, str) or name not in NAMES:
        raise ValueError(f"a document named {name!r:.40}")
    if not isinstance(doc, dict):
        raise ValueError(f"a {name!r} document that is a {type(doc).__name__}, not a mapping")
    return name, doc


Say = Callable[[str], object]
