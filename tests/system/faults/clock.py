"""A process whose clock jumps back by an hour in mid-run: ``clock.py URI PATH SPOOL``; TILED_API_KEY."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.system.faults.run import engine, scan, watching
from xpcs_mask_bluesky import MaskCatalog, PartitionCallback

HOUR = 3600.0


def distances(callback: PartitionCallback) -> Iterator[float]:
    """Yield ten distances; once the first five are in the log, the clock jumps back."""
    real = time.time
    for number in range(10):
        if number == 5:
            assert callback.flush(60)
            time.time = lambda: real() - HOUR
        yield 4000.0 + 10 * number


def main(where: str, path: str, spool: str) -> None:
    """Run twice, print the uids, the events' times and the lag that was told."""
    callback = watching(MaskCatalog.open(where, path=path), Path(spool))
    times: list[float] = []
    run = engine(callback, lambda name, doc: times.append(doc["time"]) if name == "event" else None)
    (first,) = run(scan(distances(callback)))
    (second,) = run(scan([5000.0]))
    lag = callback.status()["lag"]
    assert callback.close(60), callback.status()
    print(json.dumps({"uids": [first, second], "times": times, "lag": lag}))


if __name__ == "__main__":
    main(*sys.argv[1:])
