"""A clock that jumps back: order is that of the documents and of the log, not of any clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.system.faults.log_checks import Reader, places_in_log
from tests.system.faults.run import DETECTOR
from xpcs_mask_bluesky.server.embedded import find_server


def test_a_clock_that_jumps_back_in_mid_run_changes_no_order(catalog, server_directory, tmp_path):
    connection = find_server(server_directory)
    command = [sys.executable, "-m", "tests.system.faults.clock", connection.uri, catalog.path, tmp_path]
    environment = os.environ | {"TILED_API_KEY": connection.key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    first, second = said["uids"]
    assert said["times"][5] < said["times"][4] - 3500
    assert said["lag"] >= 0
    entries = Reader(catalog).verify()
    assert [entry.time for entry in entries] != sorted(entry.time for entry in entries)
    told = places_in_log(entries)
    assert sorted((run, number) for run, _, number, _ in told) == sorted(
        [(first, number) for number in range(1, 11)] + [(second, 1)]
    )
    assert set(told.values()) == {1}
    detector = catalog[DETECTOR]
    uses = detector.partitions(run=first)
    assert [use.first_seq_num for use in uses] == list(range(1, 11))
    assert [round(use.partition.record.distance, 6) for use in uses] == [4 + n / 100 for n in range(10)]
    assert detector.partition(run=first, event=3).geometry == uses[2].geometry
    assert detector.partition().run_uid == second
