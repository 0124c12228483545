"""Runs of a small beamline: a real RunEngine, real devices, a geometry that changes at each event."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.preprocessors import run_decorator

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe
from xpcs_mask_bluesky.simulation.devices import FlightPath, Monochromator

DETECTOR = "eiger4M"
SHAPE = (64, 64)
RECIPE = PartitionRecipe(dynamic=(4, 1), static=(8, 1))
LENGTH_KEY = "flight_path_length"
FULL = os.environ.get("XPCS_MASK_FAULTS") == "full"
"""Whether to inject as many faults, for as long, as the figures in the docs are of."""


def source() -> GeometrySource:
    """Return where the runs here tell their geometry: all constant but the distance."""
    constants = {
        "incident_energy": {"where": "const", "value": 10.0, "unit": "keV"},
        "beam_center_x": {"where": "const", "value": 31.3, "unit": "px"},
        "beam_center_y": {"where": "const", "value": 22.6, "unit": "px"},
        "x_pixel_size": {"where": "const", "value": 75e-6, "unit": "m"},
        "y_pixel_size": {"where": "const", "value": 75e-6, "unit": "m"},
        "shape": {"where": "const", "value": SHAPE},
        "distance": {"where": "event", "key": LENGTH_KEY, "unit": "mm"},
    }
    fields = {field: (place,) for field, place in constants.items()}
    return GeometrySource.model_validate({"detector": DETECTOR, "fields": fields})


def watching(catalog: MaskCatalog, spool: Path) -> PartitionCallback:
    """Return a callback that watches the detector."""
    callback = PartitionCallback(catalog, spool=spool, console=lambda line: None)
    return callback.watch(DETECTOR, source=source(), recipe=RECIPE)


def scan(distances: Iterable[float], seconds: float = 0.0) -> Iterator[Any]:
    """Yield a plan: an event at each distance (mm), ``seconds`` apart."""
    path, mono = FlightPath(name="flight_path"), Monochromator(name="mono")

    @run_decorator(md={"detectors": [DETECTOR]})
    def plan() -> Iterator[Any]:
        for distance in distances:
            yield from bps.mv(path.length, distance)
            yield from bps.trigger_and_read([mono, path.length])
            yield from bps.sleep(seconds)

    return plan()


def engine(*subscribers: Any) -> RunEngine:
    """Return a RunEngine with these subscribers."""
    made = RunEngine({}, context_managers=[])
    for each in subscribers:
        made.subscribe(each)
    return made
