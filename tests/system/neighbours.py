"""Environments that hold our wheel beside what a beamline has already, resolved anew in each session."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

CHECKOUT = Path(__file__).resolve().parents[2]
READERS = Path(__file__).parent / "readers"
UV = [sys.executable, "-m", "uv", "--no-config", "--quiet"]


def wheel(directory: Path) -> Path:
    """Return our wheel, built from this checkout into ``directory``."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", directory, CHECKOUT]
    _run(pip)
    (built,) = directory.glob("*.whl")
    return built


@cache
def beside(neighbour: str, built: Path) -> Path:
    """Return the Python of an environment that holds our wheel and ``neighbour``, both whole.

    The versions are resolved from the index each time, with no preference for what is there already.
    """
    home = Path(os.environ.get("XPCS_MASK_PEERS") or platformdirs.user_cache_dir("xpcs-mask-peers"))
    home = home / f"beside-{neighbour}"
    home.mkdir(parents=True, exist_ok=True)
    asked, found, python = home / "asked.txt", home / "found.txt", home / "venv" / "bin" / "python"
    with FileLock(home / "lock"):
        asked.write_text(f"{neighbour}\nxpcs-mask-bluesky @ {built.as_uri()}\n")
        found.unlink(missing_ok=True)
        resolve = [*UV, "pip", "compile", "--no-annotate", "--no-header", "--python", sys.executable]
        _run([*resolve, asked, "--output-file", found])
        if not python.exists():
            _run([*UV, "venv", "--seed", "--python", sys.executable, home / "venv"])
        _run([*UV, "pip", "sync", "--python", python, "--reinstall-package", "xpcs-mask-bluesky", found])
    return python


def ask(python: Path, script: str, *arguments: str | Path) -> dict:
    """Run a script of ``readers/`` in an environment, and return the JSON of its last line."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    clean |= {"MPLBACKEND": "Agg", "QT_QPA_PLATFORM": "offscreen", "PYTHONNOUSERSITE": "1"}
    done = subprocess.run(
        [python, READERS / script, *arguments], capture_output=True, text=True, check=False, env=clean
    )
    if done.returncode:
        pytest.fail(f"{script} in {python.parents[2].name}:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


def _run(command: list) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command[2:6]))} …:\n{done.stderr[-3000:]}")
