"""A durable, ordered outbox in SQLite: a job stays until it was delivered, also over a restart."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from xpcs_mask_bluesky.callbacks.durable import durable
from xpcs_mask_bluesky.callbacks.jobs import Job

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_BETWEEN_LOOKS = 10.0
"""For files of processes that died meanwhile."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    parked TEXT
)
"""


Row = tuple[str, str]
"""A job's key, and the job as text."""


def row(job: Job) -> Row:
    """Return what is kept of a job.

    Raises:
        ValueError: no text can tell it.
        TypeError: likewise.
    """
    return job.key, job.to_json()


class Spool:
    """One process' outbox in a directory that several may share.

    Each process holds a file of its own under a lock. Files are numbered in the order in which they were
    begun, whatever the clock says. What dead processes left is taken over by :meth:`adopt`.

    Args:
        directory: Created if it is not there.

    Raises:
        OSError: If the directory cannot be written; nothing is left in it then.
        sqlite3.Error: Likewise.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{_next_number(directory):08d}-{uuid.uuid4().hex[:12]}.sqlite"
        self._lock = FileLock(f"{self.path}.lock", thread_local=False)  # another thread releases it
        self._lock.acquire(timeout=1)
        self._guard = threading.Lock()
        self.adopted = False
        """Whether what dead processes left was taken over."""
        self._look_at = 0.0
        try:
            self._connection = durable(self.path, _SCHEMA)
        except (OSError, sqlite3.Error):
            _delete(self.path)
            self._release(delete=True)
            raise

    def add(self, jobs: Iterable[Job]) -> None:
        """Keep jobs; one that is kept already makes no second entry."""
        self.add_rows([row(job) for job in jobs])

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Keep jobs that are text already."""
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
        self._release(delete=empty)

    def adopt(self) -> None:
        """Take over what dead processes left, the oldest first; of those that die later, soon after.

        A file that cannot be understood is set aside, and said.

        Raises:
            OSError: If the disk refuses; what was not taken over is there for the next call.
            sqlite3.Error: Likewise.
        """
        if time.monotonic() < self._look_at:
            return
        if not self.path.exists():
            raise FileNotFoundError(f"{self.path.name} was deleted while it was in use")
        for path in sorted(self.path.parent.glob("*.sqlite")):
            if path != self.path:
                self._take_over(path)
        for lock in self.path.parent.glob("*.sqlite.lock"):
            if not lock.with_suffix("").exists():
                self._clear(lock.with_suffix(""))
        self.adopted = True
        self._look_at = time.monotonic() + SECONDS_BETWEEN_LOOKS

    def _take_over(self, path: Path) -> None:
        with _held(path) as held:
            if not held:
                return
            try:
                self.add(jobs_in(path))
                _delete(path)
            except DamagedSpool as error:
                aside = path.replace(path.with_suffix(".damaged"))
                logger.error("xpcs-mask: %s; it is kept as %s and not delivered", error, aside)

    def _clear(self, path: Path) -> None:
        """Delete what a process left that died while it made or deleted its file."""
        with _held(path) as held:
            if held and not path.exists():
                _delete(path)

    def _release(self, *, delete: bool) -> None:
        self._lock.release()
        if delete:
            Path(self._lock.lock_file).unlink(missing_ok=True)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold the lock of a file for the block, and delete it then; yield False if its process lives."""
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)


class DamagedSpool(ValueError):  # noqa: N818
    """A spool file that does not hold jobs."""


def jobs_in(path: Path) -> list[Job]:
    """Return all jobs of a spool file, oldest first.

    Raises:
        DamagedSpool: if it cannot be understood.
        sqlite3.OperationalError: if it cannot be read now.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(_SCHEMA)
            rows = connection.execute("SELECT content FROM jobs ORDER BY id").fetchall()
        return [Job.from_json(content) for (content,) in rows]
    except sqlite3.OperationalError:
        raise
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
        raise DamagedSpool(f"the spool file {path} is damaged, or of another version: {error!r}") from error


def _next_number(directory: Path) -> int:
    heads = (path.name.partition("-")[0] for path in directory.glob("*.sqlite"))
    return 1 + max((int(head) for head in heads if head.isdecimal()), default=0)


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
