"""A clock that jumps back, the writer's and the server's: order is that of the documents and of the log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.system.faults.clock import EDITED, HOUR, SettableClock
from tests.system.faults.log_checks import Reader, places_in_log
from tests.system.faults.run import DETECTOR
from tests.system.faults.servers import Server
from xpcs_mask_bluesky import MaskCatalog


@pytest.fixture(scope="module")
def jumped(tmp_path_factory):
    """A catalogue whose writer's and server's clock jumped back by an hour, and what the writer said."""
    directory = tmp_path_factory.mktemp("jumped")
    clock = SettableClock(directory)
    server = Server(directory / "served", clock.environment)
    connection = server.start()
    command = [sys.executable, "-m", "tests.system.faults.clock", connection.uri, "xpcs", directory / "spool"]
    environment = os.environ | clock.environment | {"TILED_API_KEY": connection.key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with MaskCatalog.open(connection.uri, api_key=connection.key) as catalog:
        yield catalog, json.loads(done.stdout.splitlines()[-1])
    server.kill()


def rejected(mask):
    return [column for row, column in np.argwhere(~np.asarray(mask)) if row == 0]


def test_a_clock_that_jumps_back_in_mid_run_changes_no_order(jumped):
    catalog, said = jumped
    first, second = said["uids"]
    assert said["times"][5] < said["times"][4] - HOUR + 100
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


def test_at_a_time_counts_what_the_newest_entry_by_then_stands_on(jumped):
    catalog, _ = jumped
    detector = catalog[EDITED]
    entries = detector.log("mask")
    before, after = entries[:3], entries[3:]
    assert after[-1].time < before[0].time
    when = {entry.seq: datetime.fromtimestamp(entry.time, UTC) for entry in entries}
    assert [rejected(detector.mask(at=when[entry.seq])) for entry in after] == [
        list(range(4 + number)) for number in range(3)
    ]
    assert [rejected(detector.mask(at=when[entry.seq])) for entry in before] == [list(range(6))] * 3
    earlier = datetime.fromtimestamp(after[0].time - 0.05, UTC)
    assert rejected(detector.mask(at=earlier)) == []
    assert [rejected(detector.mask(revision=entry.seq)) for entry in entries] == [
        list(range(1 + number)) for number in range(6)
    ]


def test_a_partition_at_a_time_is_the_newest_in_the_log_that_was_measured_by_then(jumped):
    catalog, said = jumped
    detector = catalog[DETECTOR]
    _, second = said["uids"]
    ahead = datetime.fromtimestamp(said["times"][4], UTC)
    assert detector.partition(at=ahead).run_uid == second
    start = datetime.fromtimestamp(said["times"][5] - 0.001, UTC)
    with pytest.raises(LookupError, match="no published partition"):
        detector.partition(at=start)
