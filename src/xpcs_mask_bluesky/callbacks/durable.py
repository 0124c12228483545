"""SQLite files of this process that survive it."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def durable(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file whose commits are on the disk when they return; several threads may use it in turn.

    Raises:
        sqlite3.Error: It cannot be made or written.
    """
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(schema)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
