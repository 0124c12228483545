"""PostgreSQL and Redis as they run here, and a facility's Tiled over both: real, or the test does not run.

With CI=true a service that does not answer is a failure; elsewhere it skips the test and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import platformdirs
import pytest
import redis
import yaml
from filelock import FileLock, Timeout

POSTGRESQL = os.environ.get("XPCS_MASK_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432")
REDIS = os.environ.get("XPCS_MASK_TEST_REDIS", "redis://127.0.0.1:6379")
REDIS_DATABASES = 16
"""Redis' default; the first is left alone."""
SECONDS_TO_START = 300


@dataclass(frozen=True)
class Facility:
    """Replicas of one Tiled server."""

    uris: tuple[str, ...]
    key: str = field(repr=False)
    logs: tuple[Path, ...]
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the people whom a facility with users knows; the first is its administrator."""
    users: Path | None = None
    """The database of people and keys."""
    database: str = field(default="", repr=False)
    """Address of the catalogue's."""


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


def needs_programs(*names: str) -> None:
    """Skip the test, or fail it in CI, unless these programs are installed."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"{', '.join(missing)} not found")
    if missing:
        pytest.skip(f"{', '.join(missing)} not found")


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """Yield the address of a new PostgreSQL database, dropped at the end."""
    needs("PostgreSQL", POSTGRESQL)
    name = f"xpcs_mask_{secrets.token_hex(4)}"
    execute(f"CREATE DATABASE {name}")
    try:
        yield f"{POSTGRESQL}/{name}"
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def fresh_cache() -> Iterator[str]:
    """Yield the address of an empty Redis database, emptied again at the end.

    Tiled files its events under the number of a node, so those of an earlier catalogue would be heard.
    """
    needs("Redis", REDIS)
    with _claimed_number() as number, redis.Redis.from_url(f"{REDIS}/{number}") as cache:
        cache.flushdb()
        yield f"{REDIS}/{number}"
        cache.flushdb()


@contextlib.contextmanager
def _claimed_number() -> Iterator[int]:
    """Yield a Redis database that no other test process of this machine has."""
    claims = Path(platformdirs.user_cache_dir("xpcs-mask-tests"))
    claims.mkdir(parents=True, exist_ok=True)
    for number in range(1, REDIS_DATABASES):
        claim = FileLock(claims / f"redis-{number}.lock")
        try:
            claim.acquire(timeout=0)
        except Timeout:
            continue
        try:
            yield number
        finally:
            claim.release()
        return
    pytest.fail(f"other tests have all {REDIS_DATABASES} databases of {REDIS}; see {claims}")


@contextlib.contextmanager
def facility(
    directory: Path,
    *,
    replicas: int = 2,
    database: str | None = None,
    storage: Mapping[str, Any] | None = None,
) -> Iterator[Facility]:
    """Yield a facility's Tiled, started from the YAML that this package ships, with its indexes.

    Args:
        directory: For logs, and for arrays unless ``storage`` says where they go.
        replicas: How many servers.
        database: Address of one that is kept; else a fresh one, dropped at the end.
        storage: In place of the directory, as a YAML says it of S3.
    """
    settings = {"XPCS_MASK_API_KEY": secrets.token_hex(32)}
    config = _shipped("facility.yml") if storage is None else _stored_in(storage, directory)
    with contextlib.ExitStack() as kept:
        address = database or kept.enter_context(fresh_database())
        uris, logs = kept.enter_context(_replicas(directory, config, settings, replicas, address))
        execute(_shipped("facility.sql").read_text(), address)
        yield Facility(uris, settings["XPCS_MASK_API_KEY"], logs, database=address)


@contextlib.contextmanager
def facility_with_users(directory: Path) -> Iterator[Facility]:
    """Yield one replica of a facility that knows people, whose passwords a dictionary says in PAM's place."""
    passwords = {name: secrets.token_hex(8) for name in ("admin", "ada", "ben")}
    written = yaml.safe_load(_shipped("facility-users.yml").read_text())
    (provider,) = written["authentication"]["providers"]
    provider["authenticator"] = "tiled.authenticators:DictionaryAuthenticator"
    provider["args"] = {"users_to_passwords": passwords}
    config = directory / "facility-users.yml"
    config.write_text(yaml.safe_dump(written))
    users = directory / "users.db"
    settings = {
        "XPCS_MASK_ADMIN": "admin",
        "XPCS_MASK_SECRET": secrets.token_hex(32),
        "XPCS_MASK_USERS": f"sqlite:///{users}",
    }
    with fresh_database() as database, _replicas(directory, config, settings, 1, database) as (uris, logs):
        yield Facility(uris, settings["XPCS_MASK_SECRET"], logs, passwords, users, database)


def _stored_in(storage: Mapping[str, Any], directory: Path) -> Path:
    """Return the shipped YAML with another place for arrays."""
    written = yaml.safe_load(_shipped("facility.yml").read_text())
    (tree,) = written["trees"]
    tree["args"]["writable_storage"] = [dict(storage)]
    config = directory / "facility.yml"
    directory.mkdir(parents=True, exist_ok=True)
    config.write_text(yaml.safe_dump(written))
    return config


def _shipped(name: str) -> Path:
    return Path(str(resources.files("xpcs_mask_bluesky.server").joinpath(name)))


@contextlib.contextmanager
def _replicas(
    directory: Path, config: Path, settings: Mapping[str, str], number: int, database: str
) -> Iterator[tuple[tuple[str, ...], tuple[Path, ...]]]:
    with fresh_cache() as cache, contextlib.ExitStack() as running:
        environment = {
            **os.environ,
            "XPCS_MASK_DATABASE": database,
            "XPCS_MASK_REDIS": cache,
            "XPCS_MASK_STORAGE": str(directory / "data"),
            "XPCS_MASK_FRAMES": str(directory / "frames"),
            **settings,
        }
        for each in ("data", "frames"):
            (directory / each).mkdir(parents=True, exist_ok=True)
        logs = tuple(directory / f"replica-{each}.log" for each in range(number))
        yield tuple(running.enter_context(_replica(config, environment, log)) for log in logs), logs


@contextlib.contextmanager
def _replica(config: Path, environment: dict[str, str], log: Path) -> Iterator[str]:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def execute(statement: str, database: str = f"{POSTGRESQL}/postgres", rows: Sequence[Any] = ()) -> None:
    """Run one or more SQL statements; or one statement once for each of ``rows``, its parameters."""
    asyncio.run(_execute(statement, database, rows))


async def _execute(statement: str, database: str, rows: Sequence[Any]) -> None:
    connection = await asyncpg.connect(database)
    try:
        await (connection.executemany(statement, rows) if rows else connection.execute(statement))
    finally:
        await connection.close()
