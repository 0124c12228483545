"""Runs of a Tiled server, each read as a whole once its stop is there.

``TiledWriter`` keeps events back until it has 10 000 of them or the run stops, unless its ``batch_size`` says
otherwise; so before the stop nothing is certain.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
from tiled.client.container import Container
from tiled.queries import Comparison

from xpcs_mask_bluesky.replay.lines import decoded
from xpcs_mask_bluesky.replay.tiled import TiledRuns
from xpcs_mask_bluesky.store.errors import is_away

if TYPE_CHECKING:
    from xpcs_mask_bluesky.service.intake import Intake
    from xpcs_mask_bluesky.service.position import Position

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_AWAY = 5.0
"""Between looks while the server does not answer."""
SECONDS_OF_OVERLAP = 3600.0
"""How much older than the newest one a run may be that turns up late: clocks differ, and writers wait."""
SECONDS_WITHOUT_STOP = 86400.0
"""After its start, until a run that never stopped is taken as it is."""
ATTEMPTS = 3
"""Looks at a run that cannot be read, before it is given up."""


class TiledInput:
    """The runs in one container of a Tiled server.

    Args:
        connect: Returns the server's root client; asked again whenever it is needed.
        path: Of the container that holds the runs.
        where: The server, for people.
        position: Which runs were taken.
        since: Runs that started before are left alone, seconds since the epoch.
        once: Whether to end when all runs that have stopped have been taken.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        path: str,
        *,
        where: str,
        position: Position,
        since: float,
        once: bool = False,
    ) -> None:
        self._connect, self._path, self._where = connect, path, where
        self._position, self._once = position, once
        if position.since is None:
            position.since = since
        self._first = position.since
        self._newest = self._first
        self._container: Any = None
        self._failed: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The server and the container."""
        return f"{self._where} /{self._path}"

    def run(self, intake: Intake, stop: threading.Event) -> None:
        """Hand documents over until ``stop`` is set, or until all runs have been taken.

        A server that is away, or does not have the container yet, is asked again until it has.

        Raises:
            ConnectionError: It cannot be read now, and this was to end.
        """
        while not stop.is_set():
            pause = SECONDS_BETWEEN_LOOKS
            try:
                self._look(intake, stop)
            except (httpx.HTTPError, KeyError, OSError, json.JSONDecodeError) as error:
                if self._once:
                    raise ConnectionError(f"{self.name} cannot be read: {_words(error)}") from error
                intake.warn(f"{self.name} cannot be read now: {_words(error)}; it is tried again")
                self._container, pause = None, SECONDS_AWAY
            if self._once:
                return
            stop.wait(pause)

    def _look(self, intake: Intake, stop: threading.Event) -> None:
        """Take the runs that have stopped since the last look, the oldest first."""
        if self._container is None:
            self._container = self._connect()[self._path]
        container = self._container
        open_since = float("inf")
        for uid in self._begun(container):
            if stop.is_set():
                return
            if self._position.has(uid):
                continue
            run = container[uid]
            began = float(run.metadata["start"]["time"])
            if not run.metadata.get("stop") and time.time() - began < SECONDS_WITHOUT_STOP:
                open_since = min(open_since, began)
                continue
            if self._take(container, uid, run, intake) and intake.kept(stop):
                self._position.take(uid, began)
                self._newest = max(self._newest, min(began, time.time()))  # its clock may be ahead
            else:
                open_since = min(open_since, began)
        self._advance(min(open_since, self._newest))

    def _begun(self, container: Any) -> list[str]:
        """Return the uids of the runs that may be new, in the order in which they began."""
        runs = Container.search(container, Comparison("ge", "start.time", self._position.since))
        return list(runs.sort(("start.time", 1)).keys())

    def _take(self, container: Any, uid: str, run: Any, intake: Intake) -> bool:
        """Hand over a run; return False if it must be tried again."""
        try:
            documents = _documents(container, uid, run)
        except (httpx.HTTPStatusError, ValueError, LookupError) as error:
            if is_away(error):
                raise
            self._failed[uid] = self._failed.get(uid, 0) + 1
            if self._failed[uid] < ATTEMPTS and not self._once:
                return False
            intake.unusable(f"run {uid[:8]} of {self.name} cannot be read: {_words(error)}")
            if self._once:  # the next start tries again
                return False
            documents = []
        self._failed.pop(uid, None)
        for name, doc in documents:
            intake(name, doc)
        return True

    def _advance(self, moment: float) -> None:
        """Let the window of runs that may be new begin a while before ``moment``, never before the first."""
        since = max(self._first, moment - SECONDS_OF_OVERLAP)
        if since > (self._position.since or 0.0) + SECONDS_OF_OVERLAP / 10:
            self._position.since = since
            self._position.forget(since)


def _documents(container: Any, uid: str, run: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the documents of a run in the order in which a callback could have had them.

    Raises:
        ValueError: It is none, or what came are no documents.
        LookupError: It is there no longer.
        HTTPStatusError: The server refuses, or fails.
    """
    if not hasattr(run, "documents"):
        raise ValueError("it is no run that TiledWriter recorded")
    told = decoded(TiledRuns(container).documents(uid))
    return [(name, doc) for name, doc in told if doc]  # a stop that is not there is exported as an empty one


def _words(error: Exception) -> str:
    return f"there is no {error.args[0]!r}" if type(error) is KeyError and error.args else str(error)
