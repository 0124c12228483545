"""The IOC of `ioc.py` for tests: started, awaited, killed and started again.

Use it by `from tests.system.epics_ioc import ioc  # noqa: F401`; each test gets PVs of its own
(`ioc.prefix`), and what it starts is gone when the test ends.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 20


class Ioc:
    """An EPICS server in a process of its own.

    Args:
        log: File for its output.
    """

    def __init__(self, log: Path) -> None:
        self.prefix = f"xpcs{secrets.token_hex(3)}:"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Ioc:
        """Start it, or start it again with all values at their beginning, and wait until it answers."""
        command = [sys.executable, "-m", "tests.system.ioc", self.prefix]
        with self._log.open("a") as output:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        end = time.monotonic() + SECONDS_TO_START
        while "ready" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the IOC did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it as a crash does: no farewell to its clients."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
        self._process = None
        self._log.write_text("")


@pytest.fixture
def ioc(tmp_path: Path) -> Iterator[Ioc]:
    """A running IOC with PVs of its own."""
    made = Ioc(tmp_path / "ioc.log")
    yield made.start()
    made.kill()
