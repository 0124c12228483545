"""Metadata files as they appear in a directory, such as ``*_metadata.hdf`` of APS 8-ID, each a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.files.metadata_hdf import DETECTOR_NAME, Document, read_metadata_hdf

if TYPE_CHECKING:
    from xpcs_mask_bluesky.service.intake import Intake
    from xpcs_mask_bluesky.service.position import Position

PATTERN = "*_metadata.hdf"
SECONDS_BETWEEN_LOOKS = 1.0
LOOKING_AT_MOST = 10
"""How many times longer it rests than it looked, where there are very many files."""
SECONDS_AT_REST = 2.0
"""That a file must not have changed before it is read: its writer may still be at it."""
SECONDS_TO_BE_WHOLE = 60.0
"""That a file at rest may take to become readable; then it is said, and looked at again if it changes."""


@dataclass(frozen=True)
class _State:
    """A file as the file system tells it."""

    path: Path
    size: int
    changed: int
    """Nanoseconds since the epoch."""

    @property
    def key(self) -> str:
        return f"{self.path}:{self.size}:{self.changed}"


class FilesInput:
    """A directory, with all below it.

    Args:
        directory: Looked through once a second.
        detectors: Names of those that are watched. Of several, each file's own is the one that it names.
        position: Which files were read.
        pattern: Of the files' names.
        since: Files that were changed before are left alone, seconds since the epoch.
        once: Whether to end when all files that are there have been read.

    Raises:
        FileNotFoundError: There is no such directory.
    """

    def __init__(
        self,
        directory: Path,
        detectors: Sequence[str],
        position: Position,
        *,
        pattern: str = PATTERN,
        since: float,
        once: bool = False,
    ) -> None:
        if not directory.is_dir():
            raise FileNotFoundError(f"no directory {directory}")
        self._directory, self._detectors, self._position = directory, tuple(detectors), position
        self._pattern, self._once = pattern, once
        if position.since is None:
            position.since = since
        self._since = position.since
        self._done: set[str] = set()
        """Keys of files that the position is known to have."""
        self._seen: dict[_State, float] = {}
        """When a file was first seen as it is now, by this process' own clock."""

    @property
    def name(self) -> str:
        """The directory and the pattern."""
        return f"{self._directory}/**/{self._pattern}"

    def run(self, intake: Intake, stop: threading.Event) -> None:
        """Hand documents over until ``stop`` is set, or until all files have been read."""
        while not stop.is_set():
            began = time.monotonic()
            waiting = self._look(intake, stop)
            if self._once and not waiting:
                return
            stop.wait(max(SECONDS_BETWEEN_LOOKS, LOOKING_AT_MOST * (time.monotonic() - began)))

    def _look(self, intake: Intake, stop: threading.Event) -> bool:
        """Read what is new and at rest, the oldest first; return whether some file is still waited for."""
        now, seen = time.monotonic(), self._seen
        states = sorted(self._new(), key=lambda each: (each.changed, each.path))
        self._seen = {state: seen.get(state, now) for state in states}
        for state in states:
            if stop.is_set():
                break
            waited = now - self._seen[state]
            if waited >= SECONDS_AT_REST and self._read(state, waited, intake):
                if not intake.kept(stop):
                    break
                self._position.take(state.key)
                self._done.add(state.key)
                del self._seen[state]
        return bool(self._seen)

    def _new(self) -> Iterator[_State]:
        for path in self._directory.rglob(self._pattern):
            state = _state(path)
            if state is None or state.changed < self._since * 1e9 or state.key in self._done:
                continue
            if self._position.has(state.key):
                self._done.add(state.key)
                continue
            yield state

    def _read(self, state: _State, waited: float, intake: Intake) -> bool:
        """Hand over the documents of a file; return False if it must be waited for."""
        try:
            documents = self._documents(state.path)
        except (OSError, ValueError) as error:
            if waited < SECONDS_TO_BE_WHOLE:
                return False
            intake.unusable(str(error))
            return True
        if _state(state.path) != state:  # its writer went on meanwhile
            return False
        for name, doc in documents:
            intake(name, doc)
        if not documents:
            intake.counts["of another detector"] += 1
        return True

    def _documents(self, path: Path) -> list[Document]:
        """Return the documents of a file; none if it names another detector than those watched."""
        if len(self._detectors) == 1:
            return read_metadata_hdf(path, detector=self._detectors[0])
        told = read_metadata_hdf(path, detector="")[1][1]["configuration"][""]["data"]
        named = str(told.get(DETECTOR_NAME, "")).removesuffix("_epics")
        return read_metadata_hdf(path, detector=named) if named in self._detectors else []


def _state(path: Path) -> _State | None:
    try:
        told = path.stat()
    except OSError:  # it went again
        return None
    return _State(path, told.st_size, told.st_mtime_ns)
