"""Millions of events, with a memory that stays flat."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.system.faults.log_checks import Reader
from tests.system.faults.run import FULL
from xpcs_mask_bluesky.server.embedded import find_server

EVENTS, SECONDS = (8_000_000, 600) if FULL else (400_000, 10)
MEGABYTES = 15
"""That the memory in use may grow by over the second half, by the slope of a line through its samples."""
BLOCKS_PER_EVENT = 0.1
"""That Python's allocated blocks may grow by, likewise: one object kept for each event adds at least 1."""


@pytest.mark.timeout(4 * SECONDS + 300)
def test_the_memory_stays_flat_over_a_soak(catalog, server_directory, tmp_path, capsys):
    connection = find_server(server_directory)
    command = [sys.executable, "-m", "tests.system.faults.soak", connection.uri, catalog.path]
    environment = os.environ | {"TILED_API_KEY": connection.key}
    done = subprocess.run(
        [*command, tmp_path / "spool", str(EVENTS), str(SECONDS)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    events, memory, blocks = np.array(said["samples"]).T
    half = slice(len(events) // 2, None)
    slope, _ = np.polyfit(events[half], memory[half], 1)
    grown = slope * (events[-1] - events[half][0])
    blocks_per_event, _ = np.polyfit(events[half], blocks[half], 1)
    with capsys.disabled():
        figures = {"MB": memory[:: len(memory) // 6].tolist(), "MB grown": grown, "blocks": blocks_per_event}
        print({key: said[key] for key in ("events", "seconds", "after")} | figures)
    assert said["events"] >= EVENTS
    assert said["status"]["waiting"] == said["status"]["lost"] == said["status"]["restarts"] == 0
    assert grown < MEGABYTES
    assert blocks_per_event < BLOCKS_PER_EVENT
    Reader(catalog).verify()
