"""PostgreSQL and Redis as they run here, and a facility's Tiled over both: real, or the test does not run.

With CI=true a service that does not answer is a failure; elsewhere it skips the test and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import asyncpg
import httpx
import pytest
import redis

POSTGRESQL = os.environ.get("XPCS_MASK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
REDIS = os.environ.get("XPCS_MASK_TEST_REDIS", "redis://127.0.0.1:6379")
SECONDS_TO_START = 90


@dataclass(frozen=True)
class Facility:
    """Replicas of one Tiled server."""

    uris: tuple[str, ...]
    key: str = field(repr=False)
    logs: tuple[Path, ...]


def needs(service: str, address: str) -> None:
    """Skip the test, or fail it in CI, unless something listens at ``address``."""
    url = httpx.URL(address)
    try:
        socket.create_connection((url.host, url.port or 0), timeout=2).close()
    except OSError as error:
        message = f"{service} does not answer at {url.host}:{url.port} ({error})"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """Yield the address of a new PostgreSQL database, dropped at the end."""
    needs("PostgreSQL", POSTGRESQL)
    name = f"xpcs_mask_{secrets.token_hex(4)}"
    asyncio.run(_execute(f"CREATE DATABASE {name}"))
    try:
        yield f"{POSTGRESQL}/{name}"
    finally:
        asyncio.run(_execute(f"DROP DATABASE {name} WITH (FORCE)"))


@contextlib.contextmanager
def fresh_cache() -> Iterator[str]:
    """Yield the address of an empty Redis database, emptied again at the end.

    Tiled files its events under the number of a node, so those of an earlier catalogue would be heard.
    """
    needs("Redis", REDIS)
    address = f"{REDIS}/{1 + secrets.randbelow(15)}"
    with redis.Redis.from_url(address) as cache:
        cache.flushdb()
        yield address
        cache.flushdb()


@contextlib.contextmanager
def facility(directory: Path, *, replicas: int = 2) -> Iterator[Facility]:
    """Yield a facility's Tiled, started from the YAML that this package ships."""
    with fresh_database() as database, fresh_cache() as cache, contextlib.ExitStack() as running:
        key = secrets.token_hex(32)
        environment = os.environ | {
            "XPCS_MASK_API_KEY": key,
            "XPCS_MASK_DATABASE": database,
            "XPCS_MASK_REDIS": cache,
            "XPCS_MASK_STORAGE": str(directory / "data"),
            "XPCS_MASK_FRAMES": str(directory / "frames"),
        }
        for each in ("data", "frames"):
            (directory / each).mkdir(parents=True)
        logs = tuple(directory / f"replica-{number}.log" for number in range(replicas))
        uris = tuple(running.enter_context(_replica(environment, log)) for log in logs)
        yield Facility(uris, key, logs)


@contextlib.contextmanager
def _replica(environment: dict[str, str], log: Path) -> Iterator[str]:
    port = _free_port()
    uri = f"http://127.0.0.1:{port}"
    config = resources.files("xpcs_mask_bluesky.server").joinpath("facility.yml")
    command = [sys.executable, "-m", "tiled", "serve", "config", str(config), "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        _await_answer(uri, process, log)
        yield uri
    finally:
        process.terminate()
        process.wait(30)


def _await_answer(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{uri}/api/v1/", timeout=5, trust_env=False)
            return
        time.sleep(0.2)
    pytest.fail(f"the replica {uri} did not start:\n{log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def _execute(statement: str) -> None:
    connection = await asyncpg.connect(f"{POSTGRESQL}/postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
