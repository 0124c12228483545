"""Print the resident memory, in bytes, of a process whose callback publishes one geometry after another.

DIRECTORY ROWS COLUMNS ROUNDS. The server is another process. Of each round the memory is read when the
partition is published; the highest resident set of all is told too.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.documents import Beamline, recipe, source
from xpcs_mask_bluesky import MaskCatalog, PartitionCallback


def resident(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


directory, shape, rounds = sys.argv[1], (int(sys.argv[2]), int(sys.argv[3])), int(sys.argv[4])
with MaskCatalog.open(directory, path="memory") as catalog, tempfile.TemporaryDirectory() as spool:
    callback = PartitionCallback(catalog, spool=Path(spool), console=lambda line: None)
    callback.watch("eiger4M", source=source(shape), recipe=recipe())
    beamline, found = Beamline(callback), []
    for number in range(rounds):
        beamline.distance(5000.0 + number)
        if not callback.flush(120):
            raise SystemExit(callback.status()["last_error"])
        found.append(resident("VmRSS"))
    beamline.stop()
    callback.close()
    sys.stdout.write(json.dumps({"resident": found, "highest": resident("VmHWM")}) + "\n")
