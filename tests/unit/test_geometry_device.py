"""Geometry devices of ophyd and ophyd-async on a RunEngine, as read, moved and configured in mid-run."""

import logging
import subprocess
import sys

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky.preprocessors import SupplementalData, run_decorator
from ophyd.sim import det
from ophyd_async.core import init_devices

from xpcs_mask_bluesky.callbacks.devices import observe
from xpcs_mask_bluesky.devices import PV, asynchronous, classic
from xpcs_mask_bluesky.documents import GeometryTracker

FIELDS = {
    "incident_energy": 10.0,
    "distance": 5.0,
    "beam_center_x": 70.25,
    "beam_center_y": 50.5,
    "x_pixel_size": 75e-6,
    "y_pixel_size": 75e-6,
}


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


def make(kind, engine):
    if kind == "ophyd":
        return classic.GeometryDevice.of("geometry", **FIELDS)
    with init_devices():
        device = asynchronous.GeometryDevice("geometry", **FIELDS)
    assert device.distance.name == "geometry-distance"  # named when the block ends
    return device


def follow(engine, geometry, plan, *, attached=True, baseline=()):
    """Return what a tracker finds in a run of a plan, and the documents."""
    supplemental = SupplementalData(baseline=list(baseline))
    engine.preprocessors.append(supplemental)
    if attached:
        observe(supplemental, geometry, warn=pytest.fail)
    tracker, found, seen = GeometryTracker(geometry.source("det", shape=(120, 160))), [], []
    engine(plan(), lambda name, doc: (found.extend(tracker(name, doc)), seen.append((name, doc))))
    return found, seen


@pytest.mark.parametrize("kind", ["ophyd", "ophyd-async"])
def test_its_fields_land_in_configuration_with_their_units(kind, engine):
    geometry = make(kind, engine)

    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([det, geometry])

    found, seen = follow(engine, geometry, plan, attached=False)
    (descriptor,) = [doc for name, doc in seen if name == "descriptor"]
    section = descriptor["configuration"]["geometry"]
    units = {section["data_keys"][key]["units"] for key in section["data"]}
    assert units == {"keV", "m", "px"}
    assert [each.record.distance for each in found] == [5.0]
    origin = found[0].provenance["distance"]
    assert (origin.where, origin.unit, origin.unit_source, origin.stream) == (
        "configuration",
        "m",
        "document",
        "primary",
    )
    assert origin.document == descriptor["uid"]
    assert origin.time > 1e9


@pytest.mark.parametrize("kind", ["ophyd", "ophyd-async"])
def test_attached_a_move_in_mid_run_is_one_change(kind, engine):
    geometry = make(kind, engine)

    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([det])
        yield from bps.mv(geometry.distance, 4.0)
        yield from bps.trigger_and_read([det])
        yield from bps.mv(geometry.distance, 4.0 + 1e-7)
        yield from bps.trigger_and_read([det])

    found, _ = follow(engine, geometry, plan)
    assert [(each.seq_num, each.record.distance, each.changed) for each in found] == [
        (1, 5.0, ()),
        (2, 4.0, ("distance",)),
    ]
    assert found[1].provenance["distance"].stream == f"{geometry.distance.name}_monitor"


def test_attached_an_ophyd_device_can_be_configured_in_mid_run_beside_others(engine):
    geometry, other = make("ophyd", engine), classic.GeometryDevice.of("other", distance=1.0)

    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([det])
        yield from bps.configure(geometry, {"distance": 4.0})
        yield from bps.trigger_and_read([det])

    found, _ = follow(engine, geometry, plan, baseline=[other])
    assert [each.record.distance for each in found] == [5.0, 4.0]


def test_in_the_baseline_itself_it_is_warned_about_since_bluesky_aborts_the_run(engine, caplog):
    geometry, other = make("ophyd", engine), classic.GeometryDevice.of("other", distance=1.0)
    supplemental, said = SupplementalData(baseline=[geometry, other]), []
    observe(supplemental, geometry, warn=said.append)
    assert supplemental.baseline == [geometry, other]
    assert "take it out of sd.baseline" in said[0]
    engine.preprocessors.append(supplemental)

    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([det])
        yield from bps.configure(geometry, {"distance": 4.0})

    # The day on which this does not raise, the stand-in is needed no more.
    with caplog.at_level(logging.CRITICAL), pytest.raises(KeyError):
        engine(plan())


def test_what_is_no_field_is_refused():
    with pytest.raises(TypeError, match=r"no det_dist; its fields are incident_energy"):
        classic.GeometryDevice.of("geometry", det_dist=5.0)
    with pytest.raises(TypeError, match="no det_dist"):
        asynchronous.GeometryDevice("geometry", det_dist=5.0)
    with pytest.raises(ValueError, match="ophyd-async takes the unit of x:y from its record"):
        asynchronous.GeometryDevice("geometry", distance=PV("x:y", "mm"))


def test_without_ophyd_async_the_error_says_what_to_install():
    code = "import sys; sys.modules['ophyd_async'] = None; import xpcs_mask_bluesky.devices.asynchronous"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'xpcs-mask-bluesky[ophyd-async]'" in done.stderr
