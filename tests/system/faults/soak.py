"""A process that takes so many events in so many seconds: ``soak.py URI PATH SPOOL EVENTS SECONDS``.

The documents are those of a real run, sent again and again without a RunEngine's pauses.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from tests.system.faults.mutate import renamed
from tests.system.faults.run import LENGTH_KEY, engine, scan, watching
from xpcs_mask_bluesky import MaskCatalog, PartitionCallback

EVENTS_OF_A_RUN = 50_000
EVENTS_OF_A_GEOMETRY = 5_000
GEOMETRIES = 40
SECONDS_BETWEEN_SAMPLES = 0.5
MEGABYTE = 1 << 20


def megabytes() -> float:
    """Return the memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


class Soak:
    """Sends events and samples the memory."""

    def __init__(self, callback: PartitionCallback) -> None:
        self._callback = callback
        self._documents: dict[str, Any] = {}
        engine(lambda name, doc: self._documents.setdefault(name, copy.deepcopy(doc)))(scan([4000.0]))
        self.events = 0
        self.samples: list[tuple[int, float, int]] = []
        """Events, memory in MB and Python's allocated blocks."""
        self._due = 0.0

    def run(self, number: int) -> None:
        """Send one run."""
        prefix = f"{number:08d}"
        start, descriptor, event, stop = (
            renamed(self._documents[name], prefix) for name in ("start", "descriptor", "event", "stop")
        )
        self._callback("start", start)
        self._callback("descriptor", descriptor)
        for seq_num in range(1, EVENTS_OF_A_RUN + 1):
            distance = 4000.0 + self.events // EVENTS_OF_A_GEOMETRY % GEOMETRIES
            data = event["data"] | {LENGTH_KEY: distance}
            self._callback("event", event | {"seq_num": seq_num, "data": data, "time": time.time()})
            self.events += 1
            if seq_num % 1000 == 0 and time.monotonic() > self._due:
                self.samples.append((self.events, megabytes(), sys.getallocatedblocks()))
                self._due = time.monotonic() + SECONDS_BETWEEN_SAMPLES
        self._callback("stop", stop)


def main(where: str, path: str, spool: str, events: str, seconds: str) -> None:
    """Soak, and print what came of it."""
    callback = watching(MaskCatalog.open(where, path=path), Path(spool))
    soak = Soak(callback)
    soak.run(0)
    assert callback.flush(300), callback.status()  # what is loaded and compiled once is no growth
    soak.samples.clear()
    soak.events, started = 0, time.monotonic()
    for number in itertools.count(1):
        if soak.events >= int(events):
            break
        soak.run(number)
        ahead = soak.events / int(events) * float(seconds) - (time.monotonic() - started)
        time.sleep(max(0.0, ahead))
    took = time.monotonic() - started
    assert callback.flush(300), callback.status()
    print(
        json.dumps(
            {
                "events": soak.events,
                "seconds": took,
                "samples": soak.samples,
                "after": megabytes(),
                "status": callback.status() | {"in_force": None},
            }
        )
    )
    callback.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
