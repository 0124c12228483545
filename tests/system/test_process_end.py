"""A script that ends right after its run has its partition all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
from tests.benchmarks.documents import Beamline, recipe, source
from xpcs_mask_bluesky import MaskCatalog, PartitionCallback

directory, path, spool, size = sys.argv[1:]
callback = PartitionCallback(MaskCatalog.open(directory, path=path), spool=Path(spool))
callback.watch("eiger4M", source=source((int(size), int(size))), recipe=recipe(timed=False))
beamline = Beamline(callback)
beamline.distance(4000.0)
assert callback.flush(200)  # what a process does for the first time may take longer than its end may
beamline.distance(5000.0)
beamline.stop()
print("run:", beamline.uid)
"""


@pytest.mark.parametrize("size", [64, 1500], ids=["small", "counted by two threads"])
def test_what_a_run_left_is_delivered_while_the_process_ends(catalog, server_directory, tmp_path, size):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", SCRIPT, str(server_directory), catalog.path, str(tmp_path), str(size)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert not done.stderr
    (uid,) = (line.split()[1] for line in done.stdout.splitlines() if line.startswith("run:"))
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [use.partition.record.distance for use in uses] == [4.0, 5.0]
    assert not list(tmp_path.glob("*.sqlite"))  # nothing waits for the next start
