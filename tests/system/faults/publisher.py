"""Forks publishing processes on demand: each runs scans until it is killed, or delivers what waits.

An order is a line of JSON on the standard input; answered is the process' number, then its exit status.
All is imported before the first fork, and JAX has no threads then, so a publisher is up within a second.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import jax.numpy  # noqa: F401
import tiled.client  # noqa: F401

import xpcs_mask_bluesky.files.qmap_hdf5
import xpcs_mask_bluesky.partitions
import xpcs_mask_bluesky.qmap
import xpcs_mask_bluesky.store.alarms
import xpcs_mask_bluesky.store.recipes  # noqa: F401
from tests.system.faults.run import LENGTH_KEY, engine, scan, watching
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.callbacks import warm, worker

POINTS = 10
"""Events of a run."""
SECONDS_TO_DELIVER = 600.0
"""That what waited may take: a guard against a hang, not a promise."""


def main() -> None:
    """Take orders until the standard input ends."""
    for line in sys.stdin:
        number = os.fork()
        if number == 0:
            _publish_and_exit(json.loads(line))
        print(number, flush=True)
        print(os.waitpid(number, 0)[1], flush=True)


def _publish_and_exit(order: dict[str, Any]) -> NoReturn:
    """Publish, and end without the exit handlers: libca's waits for threads that no fork has."""
    try:
        publish(order)
    except BaseException:  # noqa: BLE001  the boundary of a process
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def publish(order: dict[str, Any]) -> None:
    """Do what an order says: ``ledger`` takes each event that the callback was given."""
    worker.SECONDS_BETWEEN_BATCHES = 0.05  # so that a kill mostly lands in a delivery
    warm.keep_compiled()
    catalog = MaskCatalog.open(order["where"], path=order["path"], api_key=order["key"])
    callback = watching(catalog, Path(order["spool"]))
    if not order["scans"]:
        assert callback.flush(SECONDS_TO_DELIVER), callback.status()
        assert callback.close(), callback.status()
        return
    ledger = os.open(order["ledger"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    uids: list[str] = []

    def note(name: str, doc: dict[str, Any]) -> None:
        if name == "start":
            uids.append(doc["uid"])
        elif name == "event":
            said = [uids[-1], doc["seq_num"], doc["data"][LENGTH_KEY]]
            os.write(ledger, f"{json.dumps(said)}\n".encode())

    run = engine(callback, note)
    for each in itertools.count():
        run(scan((order["from"] + POINTS * each + point for point in range(POINTS)), 0.05))


if __name__ == "__main__":
    main()
