"""A writer whose clock jumps back by an hour: ``clock.py URI PATH SPOOL``, under :class:`SettableClock`.

The server that it writes to has the same clock.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.faults.run import SHAPE, engine, scan, watching
from xpcs_mask_bluesky import MaskCatalog, PartitionCallback
from xpcs_mask_bluesky.store.clients import XPCSDetector

HOUR = 3600.0
EDITED = "pilatus"
"""A detector whose mask is edited, and that no callback watches."""
SHIFT = "CLOCK_BACK"


class SettableClock:
    """A clock for whole processes, their C libraries included, that can be set as root sets a machine's.

    Args:
        directory: Where it is compiled.
    """

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no C compiler (cc, gcc)")
        library, shift = directory / "clock_back.so", directory / "shift"
        source = Path(__file__).with_suffix("").with_name("clock_back.c")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        set_back(0.0, shift)
        self.environment = {"LD_PRELOAD": str(library), SHIFT: str(shift)}
        """Of the processes that have this clock."""


def set_back(seconds: float, shift: Path | None = None) -> None:
    """Set the clock back to so many seconds behind the machine's; by default that of this process."""
    with (shift or Path(os.environ[SHIFT])).open("r+b" if shift is None else "wb") as file:
        file.write(struct.pack("d", -seconds))


def distances(callback: PartitionCallback) -> Iterator[float]:
    """Yield ten distances; once the first five are in the log, the clock jumps back."""
    for number in range(10):
        if number == 5:
            assert callback.flush(60)
            set_back(HOUR)
        yield 4000.0 + 10 * number


def edit(detector: XPCSDetector, pixels: range) -> None:
    """Reject pixels of the first row, one in an entry."""
    for pixel in pixels:
        detector.edit("ada").pixels([(0, pixel)])
        time.sleep(0.1)


def main(where: str, path: str, spool: str) -> None:
    """Run twice, edit before and after; print the uids, the events' times, and the lag that was told."""
    catalog = MaskCatalog.open(where, path=path)
    edited = catalog.create_detector(EDITED, shape=SHAPE)
    edit(edited, range(3))
    callback = watching(catalog, Path(spool))
    times: list[float] = []
    run = engine(callback, lambda name, doc: times.append(doc["time"]) if name == "event" else None)
    (first,) = run(scan(distances(callback)))
    (second,) = run(scan([5000.0]))
    edit(edited, range(3, 6))
    lag = callback.status()["lag"]
    assert callback.close(60), callback.status()
    print(json.dumps({"uids": [first, second], "times": times, "lag": lag}))


if __name__ == "__main__":
    main(*sys.argv[1:])
