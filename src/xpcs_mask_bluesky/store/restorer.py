"""A thread that puts the runs of ``backup/`` into Tiled whenever that is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from xpcs_mask_bluesky.store.backup import kept_files
from xpcs_mask_bluesky.store.errors import CatalogUnavailable
from xpcs_mask_bluesky.store.restore import Restored, restore_runs

logger = logging.getLogger("xpcs_mask_bluesky")

PATIENCE = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between tries while Tiled is away; the last one from then on."""
SECONDS_TO_END = 5.0
"""That the thread may take to finish the file it is at."""
SECONDS_ASIDE = 600.0
"""Until a file whose run Tiled refused is tried again."""

AWAY = (CatalogUnavailable, httpx.HTTPError, PermissionError, TimeoutError)

Look = tuple[int, int]


class Restorer:
    """Restores in the background; nothing here raises into its caller.

    Args:
        connect: Returns the Tiled container of runs; it may wait, and start a server.
        directory: Of the files.
    """

    def __init__(self, connect: Callable[[], Any], directory: Path) -> None:
        self._connect, self._directory = connect, directory
        self._runs: Any = None
        self._aside: dict[Path, tuple[Look | None, float]] = {}
        """Files that stay, how they looked, and until when they are left alone."""
        self._thread: threading.Thread | None = None
        self._closed = False
        self._asked, self._guard = threading.Event(), threading.Lock()

    def soon(self) -> None:
        """Restore what is there, without waiting for it."""
        with self._guard:
            self._asked.set()
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._work, name="xpcs-mask-restore-runs", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Restore no more; what is left waits for the next start."""
        with self._guard:
            self._closed, thread = True, self._thread
            self._asked.set()
        if thread is not None:
            thread.join(SECONDS_TO_END)

    def _work(self) -> None:
        tries = 0
        while not self._ended():
            try:
                if self._waiting():
                    self._restore()
            except AWAY as error:
                logger.debug("runs wait in %s: %s", self._directory, error)
                self._asked.wait(PATIENCE[min(tries, len(PATIENCE) - 1)])
                self._asked.set()
                tries += 1
            except Exception as error:  # noqa: BLE001  the boundary of this thread: the next run tries again
                logger.error("xpcs-mask: the runs in %s could not be restored: %r", self._directory, error)

    def _ended(self) -> bool:
        """Return whether all was done that was asked for; the thread ends then."""
        with self._guard:
            if self._asked.is_set() and not self._closed:
                self._asked.clear()
                return False
            self._thread = None
            return True

    def _waiting(self) -> bool:
        return any(map(self._wanted, kept_files(self._directory)))

    def _restore(self) -> None:
        if self._runs is None:
            self._runs = self._connect()
        for each in restore_runs(self._runs, self._directory, wanted=self._wanted):
            self._took(each)

    def _wanted(self, path: Path) -> bool:
        look, until = self._aside.get(path, (None, 0.0))
        return not self._closed and (time.monotonic() > until or look != _look(path))

    def _took(self, restored: Restored) -> None:
        if not restored.problem:
            logger.warning("xpcs-mask: %s", restored.describe())
            return
        if restored.whole:
            logger.error("xpcs-mask: %s", restored.describe())
        until = time.monotonic() + SECONDS_ASIDE if restored.whole else float("inf")
        self._aside[restored.path] = _look(restored.path), until


def _look(path: Path) -> Look | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
