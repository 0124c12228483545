"""The embedded server: Tiled over a directory, private, in a process of its own.

``python -m xpcs_mask_bluesky.server.app DIRECTORY`` serves until its standard input
closes (whoever started it is gone); with ``--stay`` until it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import uvicorn
from fastapi import APIRouter, FastAPI
from filelock import FileLock, Timeout
from sqlalchemy.ext.asyncio import create_async_engine
from tiled.alembic_utils import UninitializedDatabase, stamp_head
from tiled.catalog import from_uri
from tiled.catalog.alembic_constants import ALEMBIC_DIR, ALEMBIC_INI_TEMPLATE_PATH
from tiled.catalog.core import check_catalog_database, initialize_database
from tiled.config import Authentication, StreamingCacheConfig
from tiled.media_type_registration import default_serialization_registry
from tiled.server.app import build_app
from tiled.utils import ensure_specified_sql_driver, ensure_uri

from xpcs_mask_bluesky.server import exporters
from xpcs_mask_bluesky.server.connection import (
    ALREADY_SERVED,
    LOCK_FILE,
    Connection,
    new_connection,
    proof,
    read_connection,
    write_connection,
)
from xpcs_mask_bluesky.server.full_disk import say_when_full
from xpcs_mask_bluesky.server.header_only import HeaderOnly
from xpcs_mask_bluesky.server.policy import CredentialPolicy
from xpcs_mask_bluesky.server.qmaps import QMapAdapter
from xpcs_mask_bluesky.server.queries import create_indexes
from xpcs_mask_bluesky.server.relocate import follow_move
from xpcs_mask_bluesky.server.settled import settle
from xpcs_mask_bluesky.server.walk import WalkedCatalog
from xpcs_mask_bluesky.store.qmap_node import MIMETYPE

SUBDIRECTORIES = ("data", "frames", "partitions", "spool", "backup")

logger = logging.getLogger("xpcs_mask_bluesky.server")


def build(directory: Path, connection: Connection, readable: tuple[Path, ...] = ()) -> FastAPI:
    """Return the Tiled application over ``directory``, closed to whoever lacks the key.

    ``readable`` are further directories whose files may be registered.
    """
    app = build_app(
        _catalog(directory, readable),
        authentication=Authentication(single_user_api_key=connection.key, allow_anonymous_access=False),
        serialization_registry=_serialization_registry(),
        access_policy=CredentialPolicy(),
        include_routers=[_hello_router(connection)],
    )
    return say_when_full(app)


def _catalog(directory: Path, readable: tuple[Path, ...]) -> Any:
    database = directory / "catalog.db"
    _initialize_database(database)
    create_indexes(database)
    catalog = from_uri(
        database,
        writable_storage=[
            directory / "data",
            ensure_uri(f"duckdb:///{directory / 'tables.duckdb'}"),
        ],
        readable_storage=[directory / "frames", directory / "partitions", *readable],
        adapters_by_mimetype={MIMETYPE: QMapAdapter},
        cache_config=StreamingCacheConfig(uri="memory").model_dump(),
    )
    return WalkedCatalog.of(catalog)


def _initialize_database(database: Path) -> None:
    """Create the tables of a new SQLite catalogue, in this process: a second one takes 8 s."""
    uri = ensure_specified_sql_driver(str(database))

    async def create_tables() -> bool:
        engine = create_async_engine(uri)
        try:
            await check_catalog_database(engine)
        except UninitializedDatabase:
            await initialize_database(engine)
            return True
        finally:
            await engine.dispose()
        return False

    if asyncio.run(create_tables()):
        stamp_head(Path(ALEMBIC_INI_TEMPLATE_PATH), Path(ALEMBIC_DIR), uri)


def _serialization_registry() -> Any:

    exporters.register(default_serialization_registry)
    default_serialization_registry.register("BlueskyRun", "application/json-seq", run_documents)
    return default_serialization_registry


async def run_documents(
    mimetype: str, node: Any, metadata: Any, filter_for_access: Any
) -> AsyncIterator[str]:
    """Yield the documents of a run; the exporter's 5 s import waits for the first who asks."""
    exporter = await anyio.to_thread.run_sync(_documents_exporter)
    async for line in exporter(mimetype, node, metadata, filter_for_access):
        yield line


def _documents_exporter() -> Any:
    from bluesky_tiled_plugins.exporters import json_seq_exporter

    return json_seq_exporter


def _hello_router(connection: Connection) -> APIRouter:
    router = APIRouter()

    @router.get("/xpcs-mask/hello")
    async def hello(nonce: str) -> dict[str, str]:
        """Say which catalogue this is, and prove it to a holder of the key."""
        return {"catalogue": connection.catalogue, "proof": proof(connection, nonce[:128])}

    return router


class AnnouncingServer(uvicorn.Server):
    """A server that writes its connection file once it answers."""

    def __init__(self, config: uvicorn.Config, directory: Path, connection: Connection) -> None:
        super().__init__(config)
        self._directory, self._connection = directory, connection

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then announce it."""
        await super().startup(sockets)
        if self.started:
            write_connection(self._directory, self._connection)


def serve(directory: Path, *, port: int, stay: bool, readable: tuple[Path, ...] = ()) -> None:
    """Serve ``directory`` until told to stop; the caller holds the directory's lock."""
    for name in SUBDIRECTORIES:
        (directory / name).mkdir(exist_ok=True)
    follow_move(directory)
    earlier = read_connection(directory)
    listener = _listen(port or (earlier.port if earlier else 0), fall_back=not port)
    connection = new_connection(listener.getsockname()[1], earlier)
    app = build(directory, connection, readable)
    settle(app)
    config = uvicorn.Config(
        HeaderOnly(app),
        loop="asyncio",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = AnnouncingServer(config, directory, connection)
    if not stay:
        threading.Thread(target=_stop_with_owner, args=(server,), daemon=True).start()
    logger.info("serving %s at %s", directory, connection.uri)
    server.run(sockets=[listener])


def _listen(port: int, *, fall_back: bool) -> socket.socket:
    """Return a listening socket on loopback: at ``port`` or, where allowed, at a free one."""
    # asyncio sets TCP_NODELAY only where the protocol is named; else an answer takes 40 ms more
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        if not fall_back:
            raise
        listener.bind(("127.0.0.1", 0))
    return listener


def _stop_with_owner(server: uvicorn.Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.should_exit = True
    threading.Timer(5.0, os._exit, (0,)).start()


def main(arguments: list[str] | None = None) -> int:
    """Serve the directory named on the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--port", type=int, default=0, help="default: the last one, else a free one")
    parser.add_argument("--stay", action="store_true", help="outlive the process that started it")
    parser.add_argument("--readable", type=Path, action="append", default=[])
    options = parser.parse_args(arguments)
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    directory = options.directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(directory / LOCK_FILE, timeout=0):
            serve(directory, port=options.port, stay=options.stay, readable=tuple(options.readable))
    except Timeout:
        logger.info("%s is served by another process", directory)
        return ALREADY_SERVED
    return 0


if __name__ == "__main__":
    sys.exit(main())
