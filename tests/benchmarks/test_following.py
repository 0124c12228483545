"""What following the geometry costs an event, in the RunEngine's own thread."""

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.preprocessors import run_decorator

from xpcs_mask_bluesky import GeometrySource
from xpcs_mask_bluesky.documents import GeometryTracker
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline
from xpcs_mask_bluesky.simulation.signals import UnitSignal

EVENTS = 300


@pytest.mark.parametrize(
    "followed", ["bare", "still", "drifting within the tolerance", "changing at each tenth"]
)
def test_events_of_a_run(benchmark, tmp_path, followed):
    engine = RunEngine({}, context_managers=[])
    beamline = SimulatedBeamline(tmp_path)
    counter = UnitSignal(name="eiger4M_total", value=0, units="counts")
    devices = [counter, beamline.flight_path.length, beamline.mono]
    found = []
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M").model_dump(exclude_unset=True)
    for field, value in {"beam_center_x": 171.3, "beam_center_y": 82.6}.items():
        source["fields"][field] = [{"where": "const", "value": value, "unit": "px"}]
    for field in ("x_pixel_size", "y_pixel_size"):
        source["fields"][field] = [{"where": "const", "value": 75e-6, "unit": "m"}]
    source["fields"]["shape"] = [{"where": "const", "value": [2162, 2068]}]
    tracker = GeometryTracker(GeometrySource.model_validate(source))
    if followed != "bare":
        engine.subscribe(lambda name, doc: found.extend(tracker(name, doc)))

    @run_decorator(md={"detectors": ["eiger4M"]})
    def plan():
        for number in range(EVENTS):
            if followed.startswith("drifting"):
                beamline.flight_path.length.put(5000.0 + 1e-4 * (number % 2))
            elif followed.startswith("changing") and number % 10 == 0:
                beamline.flight_path.length.put(4000.0 + number)
            yield from bps.trigger_and_read(devices)

    benchmark.pedantic(lambda: engine(plan()), rounds=3, iterations=1, warmup_rounds=1)
    runs = 4 if benchmark.enabled else 1
    assert len(found) == {"b": 0, "s": 1, "d": 1, "c": EVENTS // 10}[followed[0]] * runs
