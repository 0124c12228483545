"""``xpcs-mask listen`` as a process, and runs of the simulated beamline to send to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData

from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline
from xpcs_mask_bluesky.store.recorder import to_builtin

COMMAND = Path(sys.executable).with_name("xpcs-mask")
SECONDS_TO_WAIT = 150
RECIPE = "{dynamic: [10, 1], static: [60, 6]}"

Documents = list[tuple[str, dict[str, Any]]]


class Listener:
    """A running ``xpcs-mask listen``."""

    def __init__(self, options: list[Any], *, environment: dict[str, str], log: Path) -> None:
        self._log = log
        command = [COMMAND, "listen", *map(str, options)]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_for(self, words: str) -> None:
        """Return when it said something."""
        await_true(lambda: words in self.said or self.process.poll() is not None, self)
        assert words in self.said, self.said

    def end(self, sent: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(sent)
        return self.status()

    def status(self) -> int:
        """Wait for its end, and return the exit status."""
        return self.process.wait(SECONDS_TO_WAIT)


Start = Callable[..., Listener]


@contextlib.contextmanager
def listeners(directory: Path) -> Iterator[Start]:
    """Yield a function that starts listeners; those that still run are killed at the end."""
    started: list[Listener] = []

    def start(*options: Any, **environment: str) -> Listener:
        state = {"XDG_STATE_HOME": str(directory / "state")}
        log = directory / f"listen-{len(started)}.log"
        started.append(Listener(list(options), environment=state | environment, log=log))
        return started[-1]

    try:
        yield start
    finally:
        for each in started:
            if each.process.poll() is None:
                each.process.kill()
                each.process.wait()


def await_true(condition: Callable[[], bool], said: Any = "") -> None:
    """Return when a condition holds."""
    end = time.monotonic() + SECONDS_TO_WAIT
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {SECONDS_TO_WAIT} s: {getattr(said, 'said', said)}")
        time.sleep(0.05)


def watch_file(directory: Path) -> Path:
    """Return a watch list of the simulated detector."""
    path = directory / "watch.yml"
    path.write_text(f"watch:\n  - {{detector: eiger4M, source: xpcs-sim, recipe: {RECIPE}}}\n")
    return path


def simulated_runs(directory: Path, *distances: float) -> list[Documents]:
    """Return the documents of one run for each distance, in mm."""
    beamline = SimulatedBeamline(directory / "frames")
    beamline.detector.cam.num_images.put(2)
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))
    runs: list[Documents] = []
    for distance in distances:
        beamline.flight_path.length.put(distance)
        documents: Documents = []
        take = documents.append
        engine(bp.count([beamline.detector, beamline.mono]), lambda name, doc, take=take: take((name, doc)))
        runs.append([(name, to_builtin(doc)) for name, doc in documents])
    return runs


def uid_of(documents: Documents) -> str:
    return documents[0][1]["uid"]


def published(catalog: MaskCatalog) -> list[str]:
    """Return the uids of the runs that were published, in order."""
    try:
        return [entry.lineage["run_uid"] for entry in catalog["eiger4M"].log("run use")]
    except KeyError:  # there is no detector yet, or it is being made
        return []
