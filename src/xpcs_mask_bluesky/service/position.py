"""How far an input was read: durable, so that a restart goes on from there and takes nothing twice."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from filelock import FileLock, Timeout

from xpcs_mask_bluesky.callbacks.durable import durable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, time REAL NOT NULL);
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value);
"""


class Position:
    """What was taken from one input, in an SQLite file that one process holds.

    Args:
        path: Of the file; made if it is not there.
        of: The input; a file of another one is refused.

    Raises:
        ValueError: Another process holds it, it is another input's, or it is damaged.
        OSError: The directory cannot be written.
    """

    def __init__(self, path: Path, of: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(f"{path}.lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"another process listens to {of} with the position {path}; stop it, or pass --position"
            ) from error
        try:
            self._connection = durable(path, _SCHEMA)
            self._check(path, of)
        except sqlite3.Error as error:
            self._lock.release()
            raise ValueError(f"the position {path} is damaged ({error}); move it away") from error
        except ValueError:
            self._lock.release()
            raise

    @property
    def since(self) -> float | None:
        """From when on runs are taken, seconds since the epoch; None for an input that is new."""
        return self._get("since")

    @since.setter
    def since(self, moment: float) -> None:
        self._set("since", moment)

    def has(self, key: str) -> bool:
        """Return whether this was taken."""
        found = self._connection.execute("SELECT 1 FROM done WHERE key = ?", (key,)).fetchone()
        return found is not None

    def take(self, key: str, moment: float | None = None) -> None:
        """Keep that this was taken.

        Args:
            key: Of the run or file.
            moment: Its time, seconds since the epoch; by default now.
        """
        row = key, time.time() if moment is None else moment
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", row)

    def forget(self, before: float) -> None:
        """Forget what was taken with a time before this one."""
        with self._connection:
            self._connection.execute("DELETE FROM done WHERE time < ?", (before,))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._lock.release()

    def _get(self, name: str) -> float | None:
        found = self._connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if found is None else found[0]

    def _set(self, name: str, value: float | str) -> None:
        with self._connection:
            self._connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))

    def _check(self, path: Path, of: str) -> None:
        known = self._get("of")
        if known is not None and known != of:
            self._connection.close()
            raise ValueError(f"the position {path} is that of {known}, not of {of}; pass another --position")
        self._set("of", of)
