"""A publishing process that is killed at any moment harms no reader, and loses nothing that it had kept."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.system.faults.log_checks import Place, Reader, places_in_log, places_in_spool
from tests.system.faults.run import FULL
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server.embedded import find_server

KILLS = 200 if FULL else 8
LONGEST = 1.0
"""Seconds of publishing before a kill."""


class Publishers:
    """Publishing processes, one after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, **order: object) -> int:
        """Start one, and return its process number."""
        content = {"key": None, "scans": True, "ledger": "", "from": 4000.0} | order
        assert self._process.stdin
        self._process.stdin.write(f"{json.dumps(content)}\n")
        self._process.stdin.flush()
        return self._answer()

    def ended(self) -> int:
        """Return the exit status of the one that was started."""
        return self._answer()

    def _answer(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def publishers(tmp_path_factory):
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.faults.publisher"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield Publishers(process)
    process.communicate(timeout=30)


def kept_by_the_dead(spool: Path, copy: Path) -> list[Place]:
    """Return what waits in a spool, looked at in a copy: reading a file of SQLite may change it."""
    if not spool.exists():
        return []
    shutil.copytree(spool, copy)
    kept = places_in_spool(copy)
    shutil.rmtree(copy)
    return kept


def events_in(ledger: Path) -> list[tuple[str, int]]:
    """Return the events that the killed processes' callbacks were given, by run and number."""
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return [(uid, number) for uid, number, _ in map(json.loads, lines)]


def await_events(ledger: Path, number: int) -> None:
    end = time.monotonic() + 60
    while len(events_in(ledger)) < number and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.timeout(300 + 30 * KILLS)
def test_killed_at_random_moments_nothing_half_written_is_read_and_what_was_kept_arrives_once(
    publishers, catalog, server_directory, tmp_path, capsys
):
    moments, ledger, spool = random.Random(6), tmp_path / "ledger", tmp_path / "spool"
    reader = Reader(catalog, server_directory / "partitions")
    connection = find_server(server_directory)
    places = [{"where": str(server_directory)}, {"where": connection.uri, "key": connection.key}]
    kept: set[Place] = set()
    found: Counter[str] = Counter()
    for kill in range(KILLS):
        before = len(events_in(ledger))
        order = {"path": catalog.path, "spool": str(spool), "ledger": str(ledger), "from": 4000.0 + 50 * kill}
        number = publishers.start(**places[kill % 2], **order)
        await_events(ledger, before + 1)
        time.sleep(moments.uniform(0, LONGEST))
        os.kill(number, signal.SIGKILL)
        assert publishers.ended() == signal.SIGKILL
        waiting = kept_by_the_dead(spool, tmp_path / "copy")
        kept |= set(waiting)
        found["kills with jobs waiting"] += bool(waiting)
        found["kills while a dead process' jobs were taken over"] += len(waiting) > len(set(waiting))
        reader.verify()
        if kill % 20 == 19:
            deliver_all(publishers, catalog, server_directory, spool)
    found["partitions left unfinished"] = len(reader.unfinished)
    deliver_all(publishers, catalog, server_directory, spool)
    told = places_in_log(reader.verify())
    assert set(told.values()) == {1}
    assert kept <= set(told)
    assert list(spool.iterdir()) == []
    assert lost_are_last(events_in(ledger), told)
    found |= {
        "kills": KILLS,
        "events given": len(events_in(ledger)),
        "geometries told": len(told),
        "partitions verified": reader.verified,
        "jobs seen waiting": len(kept),
    }
    with capsys.disabled():
        print(dict(found))


def deliver_all(publishers: Publishers, catalog: MaskCatalog, directory: Path, spool: Path) -> None:
    """Start a process that is not killed, and wait until it has delivered what waited."""
    publishers.start(where=str(directory), path=catalog.path, spool=str(spool), scans=False)
    assert publishers.ended() == 0


def lost_are_last(events: list[tuple[str, int]], told: Counter[Place]) -> bool:
    """Return whether of each run, what is not told comes after all that is."""
    there = {(uid, number) for uid, _, number, _ in told}
    last: dict[str, int] = {}
    for uid, number in there:
        last[uid] = max(number, last.get(uid, 0))
    return all(place in there for place in events if place[1] <= last.get(place[0], 0))
