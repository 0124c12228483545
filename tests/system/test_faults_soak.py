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
MEGABYTES = 30
"""That the memory may grow by from the middle to the last third."""


@pytest.mark.timeout(2 * SECONDS + 300)
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
    memory = np.array([megabytes for _, megabytes in said["samples"]])
    third = len(memory) // 3
    grown = np.median(memory[-third:]) - np.median(memory[third : 2 * third])
    with capsys.disabled():
        print({key: said[key] for key in ("events", "seconds", "after")}, memory[:: len(memory) // 6], grown)
    assert said["events"] >= EVENTS
    assert said["status"]["waiting"] == said["status"]["lost"] == said["status"]["restarts"] == 0
    assert grown < MEGABYTES
    Reader(catalog).verify()
