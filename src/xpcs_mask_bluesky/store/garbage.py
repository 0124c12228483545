"""What a served directory holds that no entry of a log names: the leavings of edits that were refused.

It is told from the directory's database, which a running server need not be asked for. Every digest that
stands anywhere in any log counts as named, and what is younger than a grace time is let alone: an array is
stored before the entry that names it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.store.errors import DamagedLog
from xpcs_mask_bluesky.store.layout import BLOBS, DETECTOR_SPEC, LOG, PARTITIONS
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.named import mentioned

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

WEEK = 7 * 86400.0
"""Grace time in seconds."""


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """A node or a file that no entry of a log names."""

    node: tuple[str, ...] = ()
    """Keys from Tiled's root; empty for a file without a node."""
    files: tuple[Path, ...] = ()
    """Of the partition; a node's own data go with it."""
    size: int | None = None
    """Bytes on disk, where that can be told."""
    stored: float | None = None
    """When, in seconds since the epoch, where that can be told."""

    @property
    def where(self) -> str:
        """Tiled's path, or else the file's."""
        return "/".join(self.node) or ", ".join(map(str, self.files))


def find_garbage(directory: Path, *, grace: float = WEEK, now: float | None = None) -> list[Garbage]:
    """Return what no log names in a served directory, the oldest first.

    Args:
        directory: Of the catalogue; nothing in it is changed.
        grace: Seconds that anything is let alone after it was stored.
        now: Seconds since the epoch; by default the clock's.

    Raises:
        DamagedLog: an entry is missing or cannot be read, so that nobody knows what it named.
    """
    now = time.time() if now is None else now
    database = f"{(directory / 'catalog.db').resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(database, uri=True)) as connection, connection:
        paths = _paths(connection)
        detectors = [number for number in paths if _is_detector(connection, number)]
        named = {digest for number in detectors for digest in _named(connection, number, paths)}
        found = [
            each for number in detectors for each in _content(connection, number, paths[number], directory)
        ]
        registered = {key for (key,) in connection.execute('SELECT "key" FROM nodes')}
    found = [each for each in found if each.node[-1] not in named]
    found += _files_without_node(directory, registered | named)
    found.sort(key=lambda each: each.stored or 0.0)
    return [each for each in found if now - (each.stored or 0.0) >= grace]


def unnamed(detector: DetectorNode) -> list[Garbage]:
    """Return the arrays and partitions of a detector that its log does not name, asked of the server.

    Raises:
        DamagedLog: an entry is missing or cannot be read.
    """
    entries = detector.log()
    _check_gaps(detector.name, [entry.seq for entry in entries])
    named = {digest for node in detector[LOG].values().page_size(300) for digest in mentioned(node.metadata)}
    return [
        Garbage(node=(*detector.path_parts, part, key))
        for part in (BLOBS, PARTITIONS)
        for key in sorted(set(detector[part]) - named)
    ]


def _paths(connection: sqlite3.Connection) -> dict[int, tuple[str, ...]]:
    """Return the path of each container down to the detectors and their parts, by number; not the leaves."""
    rows = connection.execute(
        "SELECT id, parent, \"key\" FROM nodes WHERE structure_family = 'container' ORDER BY id"
    )
    paths: dict[int, tuple[str, ...]] = {}
    for number, parent, key in rows:
        paths[number] = () if parent is None else (*paths.get(parent, ()), key)
    return paths


def _is_detector(connection: sqlite3.Connection, number: int) -> bool:
    (specs,) = connection.execute("SELECT specs FROM nodes WHERE id = ?", (number,)).fetchone()
    return any(each.get("name") == DETECTOR_SPEC for each in json.loads(specs))


def _children(
    connection: sqlite3.Connection, detector: int, part: str
) -> Iterator[tuple[int, str, str, str]]:
    """Yield number, key, metadata and time of creation of the nodes in a part of a detector."""
    yield from connection.execute(
        'SELECT id, "key", metadata, time_created FROM nodes WHERE parent = '
        '(SELECT id FROM nodes WHERE parent = ? AND "key" = ?)',
        (detector, part),
    )


def _named(connection: sqlite3.Connection, detector: int, paths: dict[int, tuple[str, ...]]) -> set[str]:
    where = "/".join(paths[detector])
    named, numbers = set[str](), list[int]()
    for _, key, metadata, _ in _children(connection, detector, LOG):
        content = json.loads(metadata)
        try:
            entry = LogEntry.from_metadata(content)
        except ValueError as error:
            raise DamagedLog(f"{where}/log/{key}: {error}; nothing is told as garbage") from error
        numbers.append(entry.seq)
        named |= mentioned(content)
    _check_gaps(where, numbers)
    return named


def _check_gaps(where: str, numbers: list[int]) -> None:
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    if missing:
        raise DamagedLog(
            f"{where}: log entry {missing[0]} is missing, and nobody knows what it named; nothing is told "
            "as garbage: see fsck, and restore the catalogue from a copy"
        )


def _content(
    connection: sqlite3.Connection, detector: int, where: tuple[str, ...], directory: Path
) -> Iterator[Garbage]:
    """Yield the arrays and partitions of a detector, named or not."""
    for part in (BLOBS, PARTITIONS):
        for number, key, _, created in _children(connection, detector, part):
            file = directory / PARTITIONS / f"{key}.hdf"
            files = (file,) if part == PARTITIONS and file.exists() else ()
            size = sum(_size(each) for each in (*_data(connection, number), *files))
            yield Garbage(node=(*where, part, key), files=files, size=size, stored=_seconds(created))


def _data(connection: sqlite3.Connection, number: int) -> list[Path]:
    """Return the directories of the arrays at and below a node."""
    from tiled.utils import path_from_uri

    rows = connection.execute(
        "SELECT DISTINCT assets.data_uri FROM assets "
        "JOIN data_source_asset_association AS link ON link.asset_id = assets.id "
        "JOIN data_sources ON data_sources.id = link.data_source_id "
        "JOIN nodes_closure ON nodes_closure.descendant = data_sources.node_id "
        "WHERE nodes_closure.ancestor = ? AND assets.is_directory",
        (number,),
    )
    return [Path(path_from_uri(uri)) for (uri,) in rows]


def _files_without_node(directory: Path, known: set[str]) -> list[Garbage]:
    """Return partition files that no node and no entry names, drafts of a writer that died included."""
    there = [*(directory / PARTITIONS).glob("*.hdf"), *(directory / PARTITIONS).glob(".*.part")]
    return [
        Garbage(files=(file,), size=_size(file), stored=file.stat().st_mtime)
        for file in there
        if file.stem not in known or file.suffix == ".part"
    ]


def _seconds(created: str) -> float:
    """Return a time as SQLite keeps it, in UTC, in seconds since the epoch."""
    return datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp()


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())
