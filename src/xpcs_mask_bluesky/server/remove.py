"""Take garbage out of a directory that nobody serves, by Tiled's own means.

A server withholds deletion from everybody, since deleting a node takes the sealed ones below it along. So it
is done offline: whoever holds the directory's lock is alone with it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xpcs_mask_bluesky.server.connection import LOCK_FILE
from xpcs_mask_bluesky.store.garbage import WEEK, Garbage, find_garbage


def remove_garbage(directory: Path, *, grace: float = WEEK) -> list[Garbage]:
    """Remove what no log names from a directory, found anew under its lock, and return it.

    Args:
        directory: Of a catalogue that nobody serves.
        grace: Seconds that anything is let alone after it was stored.

    Raises:
        OSError: a server runs.
        DamagedLog: an entry is missing or cannot be read; nothing was removed.
    """
    try:
        with FileLock(directory / LOCK_FILE, timeout=0):
            found = find_garbage(directory, grace=grace)
            asyncio.run(_remove(directory, found))
    except Timeout as error:
        raise OSError(f"{directory} is being served; stop its server and whoever uses it first") from error
    return found


async def _remove(directory: Path, found: list[Garbage]) -> None:
    from tiled.catalog import from_uri

    catalog: Any = from_uri(
        directory / "catalog.db",
        writable_storage=[directory / "data"],
        readable_storage=[directory / "partitions"],
    )
    await catalog.startup()
    try:
        for each in found:
            if each.node:
                node = await catalog.lookup_adapter(list(each.node))
                await node.delete(recursive=True, external_only=False)
            for file in each.files:
                file.unlink(missing_ok=True)
    finally:
        await catalog.shutdown()
