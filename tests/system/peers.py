"""Environments of their own for the programs that read our files, built once and kept."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

READERS = Path(__file__).parent / "readers"
NEWER = ("python3.12", "python3.13", "python3.14")


class CannotBeHad(Exception):  # noqa: N818
    """The peer, or the Python that it needs, cannot be had on this machine."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A program on the index, with just those of its dependencies that its reader imports.

    Its window toolkits (half a gigabyte) stay out; the reader itself is the released file, unmodified.
    """

    name: str
    package: str
    needs: Sequence[str]
    probe: str
    """Imports what is tested."""
    newer_python: bool = True
    """Whether it needs Python 3.12."""
    options: Sequence[str] = ()

    @property
    def home(self) -> Path:
        cache = os.environ.get("XPCS_MASK_PEERS") or platformdirs.user_cache_dir("xpcs-mask-peers")
        return Path(cache) / self.name

    @property
    def python(self) -> Path:
        return self.home / "bin" / "python"

    def build(self) -> None:
        """Make the environment, unless it is there.

        Raises:
            CannotBeHad: saying why.
        """
        self.home.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.home}.lock"):
            if (self.home / "ready").exists():
                return
            base = newer_python() if self.newer_python else sys.executable
            pip = [self.python, "-m", "pip", "install", "--quiet"]
            for step in (
                [base, "-m", "venv", "--clear", self.home],
                [*pip, *self.needs],
                [*pip, "--no-deps", *self.options, self.package],
                [self.python, "-c", self.probe],
            ):
                done = subprocess.run(step, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise CannotBeHad(f"{self.name} cannot be had here: {done.stderr[-400:]}")
            (self.home / "ready").touch()

    def ask(self, script: str, *arguments: str | Path) -> dict:
        """Run a script of ``readers/`` in the environment, and return the JSON of its last line."""
        command = [self.python, READERS / script, *arguments]
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=clean | {"MPLBACKEND": "Agg"}
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


def newer_python() -> str:
    """Return a Python of at least 3.12: XPCS_MASK_PYTHON312, one on the path, or one of pyenv's."""
    kept = Path.home() / ".pyenv" / "versions"
    candidates = [
        os.environ.get("XPCS_MASK_PYTHON312", ""),
        *(shutil.which(name) or "" for name in NEWER),
        *(str(path) for path in sorted(kept.glob("3.1[2-9]*/bin/python"))),
    ]
    for each in filter(None, candidates):
        asked = [each, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))"]
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            return each
    raise CannotBeHad("no Python 3.12 or newer; set XPCS_MASK_PYTHON312, or run .ci/python312")


def provided(peer: Peer, *, required: bool = True) -> Peer:
    """Return the peer, built; skip the test without it, but with CI=true fail if it is required."""
    try:
        peer.build()
    except CannotBeHad as error:
        (pytest.fail if required and os.environ.get("CI") == "true" else pytest.skip)(str(error))
    return peer
