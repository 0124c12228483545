"""What the callback costs a RunEngine with Tiled in another process, and how soon a partition is there; 4M.

pytest tests/benchmarks/test_live.py --benchmark-enable
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.preprocessors import run_decorator
from ophyd import Signal

from tests.benchmarks.documents import recipe, source
from tests.benchmarks.table import Line, median
from xpcs_mask_bluesky import (
    GeometryRecord,
    MaskCatalog,
    PartitionCallback,
)

pytestmark = pytest.mark.timeout(900)
EIGER, SMALL = (2162, 2068), (64, 62)
EVENTS, EVERY = 2000, 10


def gaps(engine: RunEngine, events: int, every: int) -> list[float]:
    """Return the seconds between the events of a run whose distance changes with every so many-th."""
    distance, stamps = Signal(name="distance", value=5000.0), []

    @run_decorator(md={"detectors": ["eiger4M"]})
    def plan():
        for number in range(events):
            if every and number % every == 0:
                distance.put(5000.0 + number / every)
            yield from bps.trigger_and_read([distance])
            stamps.append(time.perf_counter())

    engine(plan())
    return np.diff(stamps).tolist()


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Iterator[Path]:
    """Where a server in a process of its own keeps a catalogue."""
    directory = tmp_path_factory.mktemp("served")
    with MaskCatalog.open(directory):
        yield directory


@pytest.fixture
def catalog(directory: Path) -> Iterator[MaskCatalog]:
    fresh = secrets.token_hex(4)
    with MaskCatalog.open(directory, path=f"xpcs-{fresh}", raw=f"raw-{fresh}") as opened:
        yield opened


@pytest.mark.parametrize(("every", "goal"), [(0, "≤ 1.1×"), (EVERY, "≤ 1.3×, gap ≤ 15 ms")])
def test_cost_of_an_event(timed, report, catalog, tmp_path, every, goal):
    shape, events = (EIGER, EVENTS) if timed else (SMALL, 40)
    bare, attached = RunEngine({}, context_managers=[]), RunEngine({}, context_managers=[])
    callback = PartitionCallback(catalog, spool=tmp_path / "spool", console=lambda line: None)
    callback.watch("eiger4M", source=source(shape), recipe=recipe(timed=timed))
    attached.subscribe(callback)
    gaps(attached, 21, EVERY)
    assert callback.flush(120), callback.status()
    found: dict[str, list[list[float]]] = {"bare": [], "attached": []}
    for _ in range(3 if timed else 1):
        found["bare"].append(gaps(bare, events, every))
        found["attached"].append(gaps(attached, events, every))
        assert callback.flush(300), callback.status()
    uses = catalog["eiger4M"].partitions(run=_last_run(catalog))
    assert len(uses) == (events // every if every else 1)  # every change is recorded
    callback.close()
    if not timed:
        return
    mean = {name: statistics.median(sum(each) / len(each) for each in runs) for name, runs in found.items()}
    stall = statistics.median(max(each) for each in found["attached"])
    bare_stall = statistics.median(max(each) for each in found["bare"])
    what = f"distance changes at every {every}th" if every else "geometry stands"
    work = f"time of an event with the callback attached to that of a bare one, 4M, {what}"
    report(Line(work=work, ours=mean["attached"] / mean["bare"], unit="×", goal=goal))
    if every:
        report(Line(work="longest gap between events", ours=stall, peer=bare_stall, peer_name="bare"))


def _last_run(catalog: MaskCatalog) -> str:
    lineages = [entry.lineage for entry in catalog["eiger4M"].log()]
    return [lineage["run_uid"] for lineage in lineages if lineage.get("run_uid")][-1]


def test_geometry_to_a_partition_that_another_client_reads(timed, report, catalog, directory):
    shape = EIGER if timed else SMALL
    detector = catalog.create_detector("eiger4M", shape=shape)
    detector.set_recipe(recipe(timed=timed))
    with MaskCatalog.open(directory, path=catalog.path, raw=catalog.raw) as other:
        reader = other["eiger4M"]

        def published(number: int) -> None:
            record = GeometryRecord(
                incident_energy=10.0,
                distance=5.0 + 1e-3 * (number + 10),
                beam_center_x=shape[1] / 2,
                beam_center_y=shape[0] / 2,
                x_pixel_size=75e-6,
                y_pixel_size=75e-6,
                shape=shape,
            )
            use = detector.publish(record, run_uid=f"run-{number}", time=float(number + 10))
            assert reader.partition(run=f"run-{number}").partition.digest == use.partition.digest

        if not timed:
            published(0)
            return
        report(
            Line(
                work="geometry → partition that another client finds, 4M",
                ours=median(published, 9),
                goal="≤ 200 ms",
            )
        )
