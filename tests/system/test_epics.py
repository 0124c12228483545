# ruff: noqa: F811  fixtures of the other file
"""Ophyd over pyepics and ophyd-async over aioca, on a real EPICS server that also dies."""

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData, run_decorator, stage_decorator
from ophyd import Component, Device, EigerDetectorCam, EpicsMotor, EpicsSignalRO
from ophyd.areadetector.base import NDDerivedSignal
from ophyd.status import SubscriptionStatus
from ophyd_async.core import StandardReadable, StandardReadableFormat, init_devices
from ophyd_async.epics.core import epics_signal_r, epics_signal_rw
from ophyd_async.epics.motor import Motor

from tests.system.epics_ioc import ioc  # noqa: F401
from tests.system.ioc import COLUMNS, ROWS
from xpcs_mask_bluesky import GeometrySource, PartitionCallback, PartitionRecipe
from xpcs_mask_bluesky.devices import PV
from xpcs_mask_bluesky.devices.asynchronous import GeometryDevice as AsyncGeometryDevice
from xpcs_mask_bluesky.devices.classic import GeometryDevice

RECIPE = PartitionRecipe(dynamic=(5, 1), static=(10, 1))


class Eiger(Device):
    """ophyd's own cam, and the picture of the IOC's image plugin."""

    cam = Component(EigerDetectorCam, "cam1:", kind="config")
    flat = Component(EpicsSignalRO, "image1:ArrayData", kind="omitted")
    image = Component(NDDerivedSignal, derived_from="flat", shape=(ROWS, COLUMNS), num_dimensions=2)

    def trigger(self):
        """Take a picture."""
        counter = self.cam.array_counter
        taken = counter.get() + 1
        done = SubscriptionStatus(counter, lambda *, value, **_: value == taken)
        self.cam.acquire.put(1)
        return done


class Picture(StandardReadable):
    """A camera of ophyd-async whose picture is read as a list of numbers."""

    def __init__(self, prefix, name=""):
        with self.add_children_as_readables(StandardReadableFormat.UNCACHED_SIGNAL):
            self.counter = epics_signal_r(int, f"{prefix}cam1:ArrayCounter_RBV")
        self.acquire = epics_signal_rw(int, f"{prefix}cam1:Acquire")
        super().__init__(name)


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[])


@pytest.fixture
def eiger(ioc):
    made = Eiger(ioc.prefix, name="eiger4M")
    made.wait_for_connection(timeout=5)
    return made


def watching(catalog, tmp_path, source):
    callback = PartitionCallback(catalog, spool=tmp_path / "spool", console=lambda line: None)
    return callback.watch(source.detector, source=source, recipe=RECIPE)


def test_an_eiger_of_ophyd_is_read_by_its_preset_in_a_scan_of_its_stage(
    ioc, eiger, engine, catalog, tmp_path
):
    stage = EpicsMotor(f"{ioc.prefix}stage:x", name="stage_x")
    stage.wait_for_connection(timeout=5)
    preset = GeometrySource.preset("ophyd-eiger", detector="eiger4M").model_dump(exclude_unset=True)
    moved = {"places": [{"where": "event", "key": "stage_x"}], "reference": 0.0, "unit": "mm"}
    source = GeometrySource.model_validate(preset | {"shifts": {"beam_center_x": moved}})
    callback = watching(catalog, tmp_path, source)
    engine.subscribe(callback)
    (uid,) = engine(bp.scan([eiger], stage, 0, 1.5, 3))
    assert callback.flush(30), callback.status()
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [use.partition.record.beam_center_x for use in uses] == pytest.approx([70.25, 80.25, 90.25])
    record = uses[0].partition.record
    assert (record.incident_energy, record.distance, record.shape) == (10.0, 5.0, (ROWS, COLUMNS))
    origin = next(e for e in catalog["eiger4M"].log("run use") if e.lineage["run_uid"] == uid).body[
        "provenance"
    ]
    assert origin["incident_energy"]["key"] == "eiger4M_cam_photon_energy"
    assert (origin["incident_energy"]["unit"], origin["incident_energy"]["unit_source"]) == ("eV", "document")
    assert (origin["beam_center_x shift"]["where"], origin["beam_center_x shift"]["unit"]) == ("event", "mm")
    assert origin["distance"]["document"]
    assert origin["distance"]["time"] > 1e9
    callback.close()


def records(ioc):
    return {
        "incident_energy": PV(f"{ioc.prefix}mono:Energy"),
        "distance": PV(f"{ioc.prefix}flight:Length"),
        "beam_center_x": PV(f"{ioc.prefix}cam1:BeamX_RBV"),
        "beam_center_y": PV(f"{ioc.prefix}cam1:BeamY_RBV"),
        "x_pixel_size": PV(f"{ioc.prefix}cam1:XPixelSize_RBV"),
        "y_pixel_size": PV(f"{ioc.prefix}cam1:YPixelSize_RBV"),
    }


def test_records_that_are_put_in_mid_run_change_the_partition_of_ophyd(ioc, eiger, engine, catalog, tmp_path):
    geometry = GeometryDevice.of("geometry", **records(ioc))
    geometry.wait_for_connection(timeout=5)
    callback = watching(catalog, tmp_path, geometry.source("eiger4M"))
    engine.preprocessors.append(supplemental := SupplementalData())
    callback.attach(engine, sd=supplemental, devices=[geometry])

    @stage_decorator([eiger])
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([eiger])
        yield from bps.mv(geometry.distance, 4000.0)
        yield from bps.sleep(0.2)
        yield from bps.trigger_and_read([eiger])
        yield from bps.trigger_and_read([eiger])

    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [(use.first_seq_num, use.partition.record.distance) for use in uses] == [(1, 5.0), (2, 4.0)]
    callback.close()


def test_records_that_are_put_in_mid_run_change_the_partition_of_ophyd_async(ioc, engine, catalog, tmp_path):
    with init_devices():
        geometry = AsyncGeometryDevice("geometry", **records(ioc))
        camera = Picture(ioc.prefix, "eiger4M")
        stage = Motor(f"{ioc.prefix}stage:x", "stage_x")
    source = geometry.source("eiger4M", shape=(ROWS, COLUMNS)).model_dump(exclude_unset=True)
    moved = {"places": [{"where": "event", "key": "stage_x"}], "reference": 0.0, "unit": "mm"}
    callback = watching(
        catalog, tmp_path, GeometrySource.model_validate(source | {"shifts": {"beam_center_x": moved}})
    )
    engine.preprocessors.append(supplemental := SupplementalData())
    callback.attach(engine, sd=supplemental, devices=[geometry])

    @run_decorator()
    def plan():
        for position in (0.0, 0.75):
            yield from bps.mv(stage, position)
            yield from bps.mv(camera.acquire, 1)
            yield from bps.trigger_and_read([camera, stage])
        yield from bps.mv(geometry.distance, 4000.0)
        yield from bps.sleep(0.2)
        yield from bps.trigger_and_read([camera, stage])

    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    records_ = [use.partition.record for use in catalog["eiger4M"].partitions(run=uid)]
    assert [each.beam_center_x for each in records_] == pytest.approx([70.25, 80.25, 80.25])
    assert [each.distance for each in records_] == [5.0, 5.0, 4.0]
    callback.close()


def test_an_ioc_that_dies_in_mid_run_leaves_what_was_measured_and_the_next_run_is_whole(
    ioc, eiger, engine, catalog, tmp_path
):
    callback = watching(catalog, tmp_path, GeometrySource.preset("ophyd-eiger", detector="eiger4M"))
    engine.subscribe(callback)
    started = []
    engine.subscribe(lambda name, doc: started.append(doc["uid"]), "start")

    @stage_decorator([eiger])
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read([eiger])
        ioc.kill()
        yield from bps.trigger_and_read([eiger])

    with pytest.raises(Exception, match="connect"):
        engine(plan())
    assert callback.flush(30), callback.status()
    (use,) = catalog["eiger4M"].partitions(run=started[0])
    assert use.partition.record.beam_center_x == 70.25
    ioc.start()
    eiger.wait_for_connection(all_signals=False, timeout=20)
    eiger.cam.beam_center_x.put(75.5, wait=True)
    (uid,) = engine(bp.count([eiger], 2))
    assert callback.flush(30), callback.status()
    assert catalog["eiger4M"].partition(run=uid).partition.record.beam_center_x == 75.5
    assert callback.status()["faults"] == 0
    callback.close()
