"""A durable, ordered outbox in SQLite: a job stays until it was delivered, also over a restart."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from xpcs_mask_bluesky.callbacks.jobs import Job

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    parked TEXT
)
"""


class Spool:
    """One process' outbox in a directory that several may share.

    Each process holds a file of its own under a lock. What dead processes left is taken over at start.

    Args:
        directory: Created if it is not there.

    Raises:
        OSError: If the directory cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{uuid.uuid4().hex[:12]}.sqlite"
        self._lock = FileLock(f"{self.path}.lock", thread_local=False)  # another thread releases it
        self._lock.acquire(timeout=0)
        self._connection = sqlite3.connect(self.path, check_same_thread=False)
        self._guard = threading.Lock()
        with self._guard, self._connection:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_SCHEMA)
        self._adopt(directory)

    def add(self, jobs: Iterable[Job]) -> None:
        """Keep jobs; one that is kept already makes no second entry."""
        rows = [(job.key, job.to_json()) for job in jobs]
        with self._guard, self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO jobs (key, content) VALUES (?, ?)", rows)

    def pending(self, most: int) -> list[tuple[int, Job]]:
        """Return the oldest jobs that wait, with their numbers."""
        with self._guard:
            rows = self._connection.execute(
                "SELECT id, content FROM jobs WHERE parked IS NULL ORDER BY id LIMIT ?", (most,)
            ).fetchall()
        return [(number, Job.from_json(content)) for number, content in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget jobs that were delivered."""
        with self._guard, self._connection:
            self._connection.executemany("DELETE FROM jobs WHERE id = ?", [(n,) for n in numbers])

    def park(self, number: int, reason: str) -> None:
        """Set a job aside that cannot be delivered now; it waits again after :meth:`unpark` or a restart."""
        with self._guard, self._connection:
            self._connection.execute("UPDATE jobs SET parked = ? WHERE id = ?", (reason, number))

    def unpark(self) -> None:
        """Let the jobs that were set aside wait again, in their old order."""
        with self._guard, self._connection:
            self._connection.execute("UPDATE jobs SET parked = NULL WHERE parked IS NOT NULL")

    def depth(self) -> tuple[int, int]:
        """Return how many jobs wait, and how many are parked."""
        with self._guard:
            waiting, parked = self._connection.execute(
                "SELECT COALESCE(SUM(parked IS NULL), 0), COALESCE(SUM(parked IS NOT NULL), 0) FROM jobs"
            ).fetchone()
        return waiting, parked

    def close(self) -> None:
        """Release the file; an empty one is deleted."""
        empty = self.depth() == (0, 0)
        with self._guard:
            self._connection.close()
        if empty:
            _delete(self.path)
        self._lock.release()
        if empty:
            Path(self._lock.lock_file).unlink(missing_ok=True)

    def _adopt(self, directory: Path) -> None:
        for path in sorted(directory.glob("*.sqlite")):
            if path == self.path:
                continue
            lock = FileLock(f"{path}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:  # its process lives
                continue
            try:
                self.add(jobs_in(path))
                _delete(path)
            finally:
                lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)


def jobs_in(path: Path) -> list[Job]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(_SCHEMA)
        rows = connection.execute("SELECT content FROM jobs ORDER BY id").fetchall()
    return [Job.from_json(content) for (content,) in rows]


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
