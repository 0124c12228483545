"""The callback on a real RunEngine, with real devices and a real Tiled server that comes and goes."""

import logging
import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData, run_decorator, stage_decorator

from xpcs_mask_bluesky import (
    AmbiguousPartition,
    CatalogUnavailable,
    GeometrySource,
    MaskCatalog,
    PartitionCallback,
    PartitionRecipe,
)
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

README = Path(__file__).resolve().parents[2] / "README.md"
RECIPE = PartitionRecipe(dynamic=(10, 1), static=(60, 6))


@pytest.fixture
def beamline(tmp_path):
    made = SimulatedBeamline(tmp_path / "frames")
    made.detector.cam.num_images.put(2)
    return made


@pytest.fixture
def engine(beamline):
    made = RunEngine({}, context_managers=[])
    made.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))
    return made


def watching(catalog, tmp_path, **kwargs) -> PartitionCallback:
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
    callback = PartitionCallback(catalog, spool=tmp_path / "spool")
    return callback.watch("eiger4M", **({"source": source, "recipe": RECIPE} | kwargs))


def test_every_geometry_of_a_scan_is_resolvable(catalog, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    devices = [beamline.detector, beamline.mono]
    (uid,) = engine(bp.scan(devices, beamline.flight_path.length, 4000, 5000, 5))
    assert callback.flush(30), callback.status()
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [use.partition.record.distance for use in uses] == [4.0, 4.25, 4.5, 4.75, 5.0]
    assert [(use.first_seq_num, use.last_seq_num) for use in uses[:4]] == [(n, n) for n in range(1, 5)]
    assert catalog["eiger4M"].partition(run=uid, event=3).geometry == uses[2].geometry
    with pytest.raises(AmbiguousPartition):
        catalog["eiger4M"].partition(run=uid)
    assert callback.close()


def test_configure_in_mid_run_changes_the_partition(catalog, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    devices = [beamline.detector, beamline.mono]

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read(devices)
        yield from bps.configure(beamline.mono, {"energy": 9.0})
        yield from bps.trigger_and_read(devices)

    engine.subscribe(callback)
    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [use.partition.record.incident_energy for use in uses] == [10.0, 9.0]
    assert callback.close()


def test_an_aborted_run_keeps_the_partition_of_its_events(catalog, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    devices = [beamline.detector, beamline.mono]

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read(devices)
        raise RuntimeError("the sample blew up")

    started = []
    engine.subscribe(lambda name, doc: started.append(doc["uid"]), "start")
    engine.subscribe(callback)
    with pytest.raises(RuntimeError, match="blew up"):
        engine(plan())
    assert callback.flush(30), callback.status()
    assert len(catalog["eiger4M"].partitions(run=started[0])) == 1
    assert callback.close()


@pytest.mark.parametrize(
    ("energy", "distance", "said"),
    [(-9.0, 5000.0, "greater than 0"), (float("nan"), 5000.0, "finite"), (10.0, 0.0, "distance")],
)
def test_a_geometry_that_cannot_be_is_one_line_and_the_run_goes_on(
    catalog, tmp_path, engine, beamline, caplog, energy, distance, said
):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    detector = catalog.create_detector("eiger4M", shape=(256, 256))
    beamline.tell = lambda cam: None
    beamline.mono.energy.put(energy)
    beamline.flight_path.length.put(distance)
    beamline.optics = lambda: None
    beamline.experiment.frames = lambda optics, number, period: np.zeros((number, 256, 256), "uint16")
    with caplog.at_level(logging.ERROR, "xpcs_mask_bluesky"):
        (uid,) = engine(bp.count([beamline.detector, beamline.mono], 3))
    assert callback.flush(30), callback.status()
    assert len(caplog.records) == 1
    assert said in caplog.records[0].getMessage()
    (alarm,) = detector.log("alarm")
    assert said in alarm.body["message"]
    assert alarm.lineage["run_uid"] == uid
    assert callback.close()


@pytest.mark.parametrize(
    ("recipe", "mask_all", "said"),
    [
        (RECIPE, True, "no pixel"),
        (PartitionRecipe(dynamic=(300, 1), static=(300, 300)), False, "more than the"),
        (None, False, "no recipe"),
    ],
)
def test_what_has_no_partition_leaves_an_alarm_and_holds_up_nothing(
    catalog, tmp_path, engine, beamline, recipe, mask_all, said
):
    callback = watching(catalog, tmp_path, recipe=recipe)
    engine.subscribe(callback)
    detector = catalog.create_detector("eiger4M", shape=(256, 256))
    if mask_all:
        detector.edit(author="test").constraint("q", lower=1e3)
    engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    assert said in callback.status()["last_error"]
    assert said in detector.log("alarm")[0].body["message"]
    detector.set_recipe(RECIPE)
    if mask_all:
        detector.edit(author="test").undo()
    callback.close()


def test_documents_of_any_kind_never_raise(catalog, tmp_path, caplog):
    callback = watching(catalog, tmp_path)
    strange = [
        ("event", {"descriptor": "never seen", "seq_num": 1, "data": {}}),
        ("descriptor", {"uid": "d", "run_start": "no start", "data_keys": {"eiger4M_image": {}}}),
        ("event", {"descriptor": "d", "seq_num": 1, "data": {}, "time": 0.0}),
        ("start", {}),
        ("descriptor", {}),
        ("event", {}),
        ("event_page", {}),
        ("stop", {}),
        ("stop", {"run_start": "no start"}),
        ("bulk_events", {}),
    ]
    for name, doc in strange:
        callback(name, doc)
    assert callback.flush(10)
    assert callback.status()["errors"] > 0
    callback.close()


def test_switched_off_it_does_nothing(catalog, tmp_path, monkeypatch, engine, beamline):
    monkeypatch.setenv("XPCS_MASK_DISABLE", "1")
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.status()["received"] == 0
    assert not (tmp_path / "spool").exists()


def test_tiled_away_at_the_start_is_a_warning_and_partitions_wait(tmp_path, engine, beamline, caplog):
    with caplog.at_level(logging.WARNING, "xpcs_mask_bluesky"):
        catalog = MaskCatalog.open("http://127.0.0.1:9")
    assert "does not answer" in caplog.text
    with pytest.raises(CatalogUnavailable, match=r"127\.0\.0\.1:9"):
        catalog["eiger4M"]
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    engine(bp.count([beamline.detector, beamline.mono]))
    assert not callback.flush(2)
    assert callback.status()["waiting"] == 1
    assert callback.status()["catalog_away"]
    assert not callback.close(timeout=0)


def test_a_later_start_delivers_what_waited(catalog, tmp_path, engine, beamline):
    away = watching(MaskCatalog.open("http://127.0.0.1:9"), tmp_path)
    token = engine.subscribe(away)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    engine.unsubscribe(token)
    assert not away.close(timeout=0)
    again = watching(catalog, tmp_path)
    assert wait_for(lambda: again.status()["delivered"] == 1)
    assert len(catalog["eiger4M"].partitions(run=uid)) == 1
    assert again.close()


def wait_for(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def server_process(directory: Path) -> int:
    """Return the process that serves a directory: the one whose command line names it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            command = (entry / "cmdline").read_bytes().decode().split("\0")
            if "xpcs_mask_bluesky.server.app" in command and str(directory) in command:
                return int(entry.name)
    raise LookupError(f"nobody serves {directory}")


def test_the_readme_lines_survive_a_server_killed_in_mid_run(tmp_path, monkeypatch):
    lines, edit, ask = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(lines.strip().splitlines()) == 5
    monkeypatch.chdir(tmp_path)
    engine = RunEngine({}, context_managers=[])
    scope = {"RE": engine}
    exec(lines, scope)
    catalog, callback = scope["catalog"], scope["callback"]
    directory = tmp_path / "xpcs-masks"
    beamline = SimulatedBeamline(catalog.frames_directory)
    devices = [beamline.detector, beamline.mono]
    stops = []
    engine.subscribe(lambda name, doc: stops.append(doc), "stop")

    @stage_decorator(devices)
    @run_decorator(md={"detectors": ["eiger4M"]})
    def plan():
        yield from bps.trigger_and_read(devices)
        os.kill(server_process(directory), signal.SIGKILL)
        beamline.flight_path.length.put(4500.0)
        beamline.tell(beamline.detector.cam)
        yield from bps.configure(beamline.detector, {"cam.det_distance": 4.5})
        yield from bps.trigger_and_read(devices)

    (uid,) = engine(plan())
    assert stops[0]["exit_status"] == "success"
    assert callback.flush(60), callback.status()
    uses = catalog["eiger4M"].partitions(run=uid)
    assert [use.partition.record.distance for use in uses] == [5.0, 4.5]
    assert wait_for(lambda: not list(catalog.backup_directory.glob("*.jsonl")), 60)
    assert catalog.client[catalog.raw][uid].metadata["stop"] == stops[0]
    (uid,) = engine(bp.count(devices))
    assert callback.flush(60), callback.status()
    assert catalog["eiger4M"].partition(run=uid).partition.record.distance == 4.5
    before = catalog["eiger4M"].mask()
    exec(edit, scope)
    assert catalog["eiger4M"].mask().counted < before.counted - 400
    exec(ask, scope | {"uid": uid})
    assert (tmp_path / "qmap.hdf").exists()
    callback.close()
    catalog.close()


def test_attach_adds_devices_to_baseline_and_subscribes(catalog, tmp_path, beamline):
    engine, supplemental = RunEngine({}, context_managers=[]), SupplementalData()
    engine.preprocessors.append(supplemental)
    callback = watching(catalog, tmp_path)
    with pytest.raises(ValueError, match="pass sd="):
        callback.attach(engine, devices=[beamline.flight_path])
    callback.attach(engine, sd=supplemental, devices=[beamline.flight_path])
    callback.attach(engine, sd=supplemental, devices=[beamline.flight_path])
    assert [each.device for each in supplemental.baseline] == [beamline.flight_path]
    assert supplemental.monitors == [beamline.flight_path.length]
    beamline.flight_path.length.put(4321.0)
    (uid,) = engine(bp.count([beamline.detector]))
    assert callback.flush(30), callback.status()
    entry = next(each for each in catalog["eiger4M"].log("run use") if each.lineage["run_uid"] == uid)
    assert entry.body["provenance"]["distance"]["key"] == "flight_path_length"
    assert entry.body["provenance"]["distance"]["unit"] == "mm"
    assert catalog["eiger4M"].partition(run=uid).partition.record.distance == 4.321
    callback.close()
