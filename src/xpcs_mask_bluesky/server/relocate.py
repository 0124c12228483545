"""A served directory may be moved or restored elsewhere: what its catalogue says of its files follows.

Tiled keeps the absolute address of every file. The directory keeps its own beside them; where the two
places differ at a start, the addresses below the old one are rewritten before anybody reads.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from tiled.utils import ensure_uri

PLACE_FILE = "place"
"""Holds the directory's own path, as of the last start."""

logger = logging.getLogger("xpcs_mask_bluesky.server")


def follow_move(directory: Path) -> int:
    """Make the catalogue of a directory that was moved name its files where they are now.

    Args:
        directory: Absolute; the caller holds its lock, and no server runs.

    Returns:
        How many addresses were rewritten; 0 for a directory that stands where it stood.
    """
    place, database = directory / PLACE_FILE, directory / "catalog.db"
    before = Path(place.read_text()) if place.exists() else directory
    rewritten = 0
    if before != directory and database.exists():
        rewritten = _rewrite(database, before, directory)
        logger.info("the directory moved from %s: %d addresses rewritten", before, rewritten)
    place.write_text(str(directory))
    return rewritten


def _rewrite(database: Path, before: Path, now: Path) -> int:
    rewritten = 0
    with closing(sqlite3.connect(database)) as connection, connection:
        for old, new in zip(_addresses(before), _addresses(now), strict=True):
            rewritten += connection.execute(
                "UPDATE assets SET data_uri = ? || substr(data_uri, length(?) + 1) "
                "WHERE substr(data_uri, 1, length(?)) = ?",
                (new, old, old, old),
            ).rowcount
    return rewritten


def _addresses(directory: Path) -> tuple[str, str, str]:
    """Return how the addresses of files below a directory begin: arrays, registered files, tables."""
    return (
        f"{ensure_uri(str(directory))}/",
        f"{directory.as_uri()}/",
        f"{ensure_uri(f'duckdb:///{directory}')}/",
    )
