"""Find the server of a directory, or start one that ends with this process."""

from __future__ import annotations

import errno
import hmac
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from xpcs_mask_bluesky.server.connection import (
    ALREADY_SERVED,
    CONNECTION_FILE,
    HELLO_ROUTE,
    LOCK_FILE,
    LOG_FILE,
    Connection,
    proof,
    read_connection,
)
from xpcs_mask_bluesky.store.errors import CatalogUnavailable

START_TIMEOUT = 60.0
"""Seconds that a server may take to answer; 3 to 8 are usual."""


def answers(connection: Connection, timeout: float = 2.0) -> bool:
    """Return whether the server of ``connection`` answers and proves that it holds the key.

    The key itself is not sent: another program may have the port by now.
    """
    nonce = secrets.token_hex(16)
    try:
        response = httpx.get(
            connection.uri + HELLO_ROUTE, params={"nonce": nonce}, timeout=timeout, trust_env=False
        )
        answer = response.json()
    except (httpx.HTTPError, ValueError):
        return False
    claimed = answer.get("proof", "") if isinstance(answer, dict) else ""
    return hmac.compare_digest(str(claimed), proof(connection, nonce))


def find_server(directory: Path) -> Connection | None:
    """Return the connection of the server of ``directory``, or None if none answers."""
    connection = read_connection(directory)
    return connection if connection and answers(connection) else None


def ensure_served(
    directory: Path, *, timeout: float = START_TIMEOUT
) -> tuple[Connection, subprocess.Popen[bytes] | None]:
    """Return a connection to the server of ``directory`` and, if started here, its process.

    The server that holds the directory's file lock serves it; who comes later connects to that.

    Raises:
        CatalogUnavailable: no server answered in ``timeout`` seconds, or it could not start.
        PermissionError: the directory is not ours to serve, or its key not ours to read.
    """
    _check_ours(directory)
    deadline = time.monotonic() + timeout
    process: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        if connection := find_server(directory):
            ours = process is not None and process.poll() is None
            return connection, process if ours else None
        status = process.poll() if process is not None else ALREADY_SERVED
        if status == ALREADY_SERVED and not _is_locked(directory):
            process = _start(directory)
        elif status not in (None, ALREADY_SERVED):
            raise CatalogUnavailable(_why_it_failed(directory, status))
        time.sleep(0.05)
    raise CatalogUnavailable(
        f"the server of {directory} did not answer within {timeout:.0f} s; "
        f"another process may hold its lock, or see {directory / LOG_FILE}"
    )


def _check_ours(directory: Path) -> None:
    """Check that this process may serve a directory, or read the key of who does.

    Raises:
        PermissionError: It may not; the message says what to do.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        key = directory / CONNECTION_FILE
        allowed = os.access(key, os.R_OK) if key.exists() else os.access(directory, os.W_OK | os.X_OK)
        why = "" if allowed else os.strerror(errno.EACCES)
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise PermissionError(
            f"{directory} can be neither served nor joined ({why}): is it the right directory, and yours? "
            "What another user serves is opened by its address and with a key"
        )


def _is_locked(directory: Path) -> bool:
    try:
        with FileLock(directory / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True


def _start(directory: Path) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that Ctrl-C here does not reach it."""
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "xpcs_mask_bluesky.server.app", str(directory)]
    with (directory / LOG_FILE).open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _why_it_failed(directory: Path, status: int | None) -> str:
    log = directory / LOG_FILE
    last = log.read_text(errors="replace").strip().rsplit("\n", 1)[-1] if log.exists() else ""
    return f"the server of {directory} ended with status {status}: {last} (all of it in {log})"


def stop(process: subprocess.Popen[bytes], timeout: float = 10.0) -> None:
    """Close the server's standing order to live, and wait until it has ended."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
