"""A server that is killed and started again, a proxy that is slow, and a disk that fills up."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from xpcs_mask_bluesky.server.connection import Connection
from xpcs_mask_bluesky.server.embedded import find_server

SECONDS_TO_START = 90
METHODS = (b"GET ", b"POST ", b"PUT ", b"PATCH ", b"DELETE ")


class Server:
    """The embedded server of a directory, which nobody else restarts.

    Args:
        directory: Created if it is not there.
        environment: Beside this process' own.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self._environment = os.environ | dict(environment or {})
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = str(listener.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Connection:
        """Start it, and return the way to it once it answers."""
        module = "xpcs_mask_bluesky.server.app"
        command = [sys.executable, "-m", module, str(self.directory), "--stay", "--port", self._port]
        log = self.directory.with_name(f"{self.directory.name}.log")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end and self._process.poll() is None:
            if connection := find_server(self.directory):
                return connection
            time.sleep(0.05)
        pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a power switch does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def slow_proxy(port: int, seconds: float) -> Iterator[tuple[int, list[bytes]]]:
    """Yield a port that leads to another one, each request ``seconds`` later, and what was asked there."""
    requests: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                for pair in ((client, server, seconds), (server, client, 0.0)):
                    threading.Thread(target=forward, args=pair, daemon=True).start()

    def forward(source: socket.socket, target: socket.socket, delay: float) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(1 << 16):
                if delay and chunk.startswith(METHODS):
                    requests.append(chunk.split(b" HTTP", 1)[0])
                    time.sleep(delay)
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], requests
    finally:
        listener.close()


class SmallDisk:
    """A file system of its own of a few megabytes.

    Args:
        directory: Where it is mounted.
        megabytes: Its size.
    """

    def __init__(self, directory: Path, megabytes: int) -> None:
        self.directory = directory
        self._filler = directory / "filler"
        self._size = megabytes

    @contextlib.contextmanager
    def mounted(self) -> Iterator[SmallDisk]:
        """Mount it, and unmount it at the end; in CI that it cannot is a failure."""
        self.directory.mkdir()
        options = f"size={self._size}m"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.directory)]
        refusal = "" if os.geteuid() == 0 else "only root mounts a file system"
        if not refusal:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            refusal = done.stderr.strip()
        if refusal:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"no small disk: {refusal}")
        try:
            yield self
        finally:
            subprocess.run(["umount", "-l", str(self.directory)], check=True)

    def fill(self) -> None:
        """Write until nothing more fits."""
        with self._filler.open("ab", buffering=0) as file:
            for block in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * block)

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink()
