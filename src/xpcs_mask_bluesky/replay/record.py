"""Which runs were replayed, kept on disk: a replay that was killed goes on with the others.

It only saves work. What it says is checked against the log, and without it a run is read again and
changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from xpcs_mask_bluesky.digests import json_digest

FILE = "replayed.db"
AT_ONCE = 500
"""Keys of one question."""

Entries = Mapping[str, int]
"""By detector, the number of a log entry that tells of the run."""


class Record:
    """The runs of one catalogue of runs that were replayed for one list of detectors.

    Args:
        directory: Where its file is, or is made.
        of: What the runs were replayed from and for; another one has runs of its own.

    Raises:
        OSError: the directory cannot be made.
    """

    def __init__(self, directory: Path, of: Sequence[object]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._path, self._of = directory / FILE, list(of)
        try:
            with closing(self._open()) as database, database:
                database.execute(
                    "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, entries TEXT NOT NULL)"
                )
        except sqlite3.Error as error:
            raise OSError(f"{self._path} cannot be used ({error}); remove it, or make room") from error

    def done(self, uids: Iterable[str]) -> dict[str, Entries]:
        """Return those of the runs that were replayed, with what the log must tell then."""
        keys = {self._key(uid): uid for uid in uids}
        found: dict[str, Entries] = {}
        with closing(self._open()) as database:
            for first in range(0, len(keys), AT_ONCE):
                asked = list(keys)[first : first + AT_ONCE]
                places = ",".join("?" * len(asked))
                rows = database.execute(f"SELECT key, entries FROM done WHERE key IN ({places})", asked)
                found |= {keys[key]: json.loads(entries) for key, entries in rows}
        return found

    def add(self, uid: str, entries: Entries) -> None:
        """Keep that a run was replayed.

        Raises:
            OSError: it cannot be written.
        """
        try:
            with closing(self._open()) as database, database:
                row = self._key(uid), json.dumps(dict(entries))
                database.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", row)
        except sqlite3.Error as error:
            raise OSError(f"{self._path} cannot be written ({error}); is the disk full?") from error

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10)

    def _key(self, uid: str) -> str:
        return json_digest([*self._of, uid])
