# ruff: noqa: F811  fixtures of the other file
"""The callback beside what happens at a beamline: edits in mid-run, several runs at once, restarts."""

import subprocess
import sys

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import run_decorator, set_run_key_decorator, stage_decorator

from tests.system.test_callback import RECIPE, beamline, engine, wait_for, watching  # noqa: F401
from xpcs_mask_bluesky import (
    AmbiguousPartition,
    GeometrySource,
    MaskCatalog,
    PartitionCallback,
    PartitionRecipe,
)
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

OTHER = PartitionRecipe(dynamic=(5, 1), static=(10, 1))


@pytest.fixture
def elsewhere(catalog, server_directory):
    """The same catalogue as another process sees it."""
    with MaskCatalog.open(server_directory, path=catalog.path, raw=catalog.raw) as other:
        yield other


def published(catalog, uid: str):
    """Return what is published of a run by now."""
    try:
        return catalog["eiger4M"].partitions(run=uid)
    except LookupError:
        return []


def without_frames() -> GeometrySource:
    """Return a source for runs that only name the detector."""
    constants = {
        "incident_energy": {"where": "const", "value": 10.0, "unit": "keV"},
        "beam_center_x": {"where": "const", "value": 171.3, "unit": "px"},
        "beam_center_y": {"where": "const", "value": 82.6, "unit": "px"},
        "x_pixel_size": {"where": "const", "value": 75e-6, "unit": "m"},
        "y_pixel_size": {"where": "const", "value": 75e-6, "unit": "m"},
        "shape": {"where": "const", "value": (256, 256)},
        "distance": {"where": "event", "key": "flight_path_length", "unit": "mm"},
    }
    fields = {field: (place,) for field, place in constants.items()}
    return GeometrySource.model_validate({"detector": "eiger4M", "fields": fields})


def change_mask(detector):
    detector.edit(author="night shift").circle(row=128, column=128, radius=20)


def change_blemish(detector):
    detector.edit(author="staff", layer="blemish").circle(row=128, column=128, radius=20)


def change_recipe(detector):
    detector.set_recipe(OTHER, author="night shift")


@pytest.mark.parametrize("change", [change_mask, change_blemish, change_recipe])
def test_a_change_from_elsewhere_is_published_for_the_run_under_way(
    catalog, elsewhere, tmp_path, engine, beamline, change
):
    callback = watching(catalog, tmp_path)
    devices, seen = [beamline.detector, beamline.mono], {}

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read(devices)
        assert callback.flush(30)
        (seen["before"],) = published(elsewhere, seen["uid"])
        change(elsewhere["eiger4M"])
        assert wait_for(lambda: published(elsewhere, seen["uid"])[0].revision != seen["before"].revision)
        yield from bps.trigger_and_read(devices)

    engine.subscribe(lambda name, doc: seen.setdefault("uid", doc["uid"]), "start")
    engine.subscribe(callback)
    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    before, after = seen["before"], catalog["eiger4M"].partition(run=uid)
    assert after.partition.digest != before.partition.digest
    assert after.geometry == before.geometry
    assert catalog["eiger4M"].partition(run=uid, revision=before.revision).partition == before.partition
    assert callback.close()


def test_a_run_that_ended_keeps_the_mask_it_was_measured_with(catalog, elsewhere, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    before = catalog["eiger4M"].partition(run=uid)
    change_mask(elsewhere["eiger4M"])
    assert wait_for(lambda: elsewhere["eiger4M"].partition().revision > before.revision)
    newest = elsewhere["eiger4M"].partition()
    assert newest.run_uid == ""
    assert newest.partition.mask.sum() < before.partition.mask.sum()
    assert catalog["eiger4M"].partition(run=uid).partition == before.partition
    assert catalog.runs(partition=newest.partition.digest) == []
    (second,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    assert catalog["eiger4M"].partition(run=second).partition == newest.partition
    assert callback.close()


def test_a_recipe_set_at_night_survives_a_restart_of_the_profile(catalog, tmp_path, engine, beamline, caplog):
    def start(recipe):
        callback = watching(catalog, tmp_path, recipe=recipe)
        token = engine.subscribe(callback)
        (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
        assert callback.close()
        engine.unsubscribe(token)
        return len(catalog["eiger4M"].partition(run=uid).partition.dynamic.counts)

    edited = PartitionRecipe(dynamic=(7, 1), static=(14, 1))
    assert start(RECIPE) == 10
    assert start(RECIPE) == 10
    catalog["eiger4M"].set_recipe(OTHER, author="night shift")
    assert start(RECIPE) == 5
    assert "newer than this profile's" in caplog.text
    assert start(edited) == 7
    assert start(edited) == 7
    assert start(None) == 7
    assert len(catalog["eiger4M"].log("recipe set")) == 3


def test_a_geometry_refused_is_noted_and_resolvable_once_there_is_a_recipe(
    catalog, tmp_path, engine, beamline
):
    callback = watching(catalog, tmp_path, recipe=None)
    engine.subscribe(callback)
    devices = [beamline.detector, beamline.mono]
    (uid,) = engine(bp.scan(devices, beamline.flight_path.length, 4000, 5000, 3))
    assert callback.flush(30), callback.status()
    detector = catalog["eiger4M"]
    assert len(detector.log("alarm")) == 1
    with pytest.raises(LookupError, match="no recipe 'default'"):
        detector.partition(run=uid, event=1)
    detector.set_recipe(RECIPE)
    uses = detector.partitions(run=uid)
    assert [use.partition.record.distance for use in uses] == [4.0, 4.5, 5.0]
    assert callback.close()


def test_a_mask_that_counts_nothing_is_one_alarm_for_a_run(catalog, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    detector = catalog.create_detector("eiger4M", shape=(256, 256))
    detector.edit(author="test").constraint("q", lower=1e3)
    devices, length = [beamline.detector, beamline.mono], beamline.flight_path.length

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        for distance in (4000.0, 4500.0, 5000.0):
            yield from bps.mv(length, distance)
            yield from bps.trigger_and_read([*devices, length])
            assert callback.flush(30)

    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    assert len(detector.log("alarm")) == 1
    noted = {note["record"]["distance"] for entry in detector.log("geometry") for note in entry.body["notes"]}
    assert noted == {4.0, 4.5, 5.0}
    with pytest.raises(LookupError, match="has no partition"):
        detector.partitions(run=uid)
    assert callback.close()


def test_each_run_ends_with_one_line(catalog, tmp_path, engine, beamline):
    lines = []
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
    callback = PartitionCallback(catalog, spool=tmp_path / "spool", console=lines.append)
    callback.watch("eiger4M", source=source, recipe=RECIPE)
    engine.subscribe(callback)
    (first,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    assert wait_for(lambda: len(lines) == 1)
    beamline.flight_path.length.put(4500.0)
    (second,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    assert wait_for(lambda: len(lines) == 2)
    beamline.flight_path.length.put(float("nan"))
    beamline.optics = lambda: None
    beamline.tell = lambda cam: None
    beamline.experiment.frames = lambda optics, number, period: np.zeros((number, 256, 256), "uint16")
    engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.close()
    digest = {uid: catalog["eiger4M"].partition(run=uid).partition.digest[:12] for uid in (first, second)}
    assert lines[0] == f"xpcs-mask: run {first[:8]} eiger4M/default: partition {digest[first]}; spool empty"
    assert lines[1].startswith(
        f"xpcs-mask: run {second[:8]} eiger4M/default: partition {digest[second]}; "
        "moved: distance 5 → 4.5 m; ALARM: the geometry left that of the partition of run "
    )
    assert " % of one bin; " in lines[1]
    assert "no partition; ALARM: " in lines[2]
    assert "flight_path_length" in lines[2]


def test_a_line_is_written_where_the_run_engine_writes(catalog, tmp_path, engine, beamline, capsys):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    engine(bp.count([beamline.mono]))  # concerns no detector: no line
    assert callback.close()
    written = [line for line in capsys.readouterr().out.splitlines() if line.startswith("xpcs-mask: run")]
    assert len(written) == 1
    assert uid[:8] in written[0]


def test_one_detector_with_two_recipes_and_another_detector_in_one_run(catalog, tmp_path, beamline):
    second = SimulatedBeamline(tmp_path / "frames2", detector="lambda2M")
    second.detector.cam.num_images.put(2)
    callback = watching(catalog, tmp_path)
    callback.watch(
        "eiger4M", source=GeometrySource.preset("xpcs-sim", detector="eiger4M"), recipe=OTHER, name="peak"
    )
    source = GeometrySource.preset("ophyd-eiger", detector="lambda2M")
    callback.watch("lambda2M", source=source, recipe=RECIPE)
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(callback)
    second.flight_path.length.put(3000.0)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono, second.detector]))
    assert callback.flush(30), callback.status()
    assert catalog["eiger4M"].partition(run=uid).partition.record.distance == 5.0
    assert len(catalog["eiger4M"].partition(run=uid, name="peak").partition.dynamic.counts) == 5
    assert catalog["lambda2M"].partition(run=uid).partition.record.distance == 3.0
    assert callback.close()


def test_interleaved_and_nested_runs_keep_their_geometries_apart(catalog, tmp_path, engine, beamline):
    # The simulated detector keeps one file for a staging, which bluesky binds to one run: its name is enough.
    callback = watching(catalog, tmp_path, source=without_frames())
    engine.subscribe(callback)
    devices, length = [beamline.mono], beamline.flight_path.length
    uids = []

    @set_run_key_decorator("inner")
    @run_decorator(md={"detectors": ["eiger4M"]})
    def inner(distance):
        yield from bps.mv(length, distance)
        yield from bps.trigger_and_read([*devices, length])

    @set_run_key_decorator("outer")
    @run_decorator(md={"detectors": ["eiger4M"]})
    def outer():
        yield from bps.mv(length, 4000.0)
        yield from bps.trigger_and_read([*devices, length])
        yield from inner(4200.0)
        yield from inner(4400.0)
        yield from bps.trigger_and_read([*devices, length])

    engine.subscribe(lambda name, doc: uids.append(doc["uid"]), "start")
    engine(outer())
    assert callback.flush(30), callback.status()
    distances = [[use.partition.record.distance for use in published(catalog, uid)] for uid in uids]
    assert distances == [[4.0, 4.4], [4.2], [4.4]]
    assert callback.close()


def test_a_paused_and_resumed_run_has_one_partition_for_each_geometry(catalog, tmp_path, engine, beamline):
    callback = watching(catalog, tmp_path)
    engine.subscribe(callback)
    devices, length = [beamline.detector, beamline.mono], beamline.flight_path.length

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.checkpoint()
        yield from bps.trigger_and_read([*devices, length])
        yield from bps.checkpoint()
        yield from bps.mv(length, 4000.0)
        yield from bps.trigger_and_read([*devices, length])
        yield from bps.pause()
        yield from bps.trigger_and_read([*devices, length])

    started = []
    engine.subscribe(lambda name, doc: started.append(doc["uid"]), "start")
    with pytest.raises(Exception, match="paused"):
        engine(plan())
    assert callback.flush(30), callback.status()
    engine.resume()
    assert callback.flush(30), callback.status()
    uses = published(catalog, started[0])
    assert [use.partition.record.distance for use in uses] == [5.0, 4.0]
    with pytest.raises(AmbiguousPartition):
        catalog["eiger4M"].partition(run=started[0])
    assert callback.close()


def test_without_a_stop_the_partition_is_there_and_the_next_run_has_its_own(
    catalog, tmp_path, engine, beamline
):
    callback = watching(catalog, tmp_path)
    uids = []

    def drop_first_stop(name, doc):
        if name == "start":
            uids.append(doc["uid"])
        if name != "stop" or len(uids) > 1:
            callback(name, doc)

    engine.subscribe(drop_first_stop)
    engine(bp.count([beamline.detector, beamline.mono]))
    beamline.flight_path.length.put(4000.0)
    engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    distances = [published(catalog, uid)[0].partition.record.distance for uid in uids]
    assert distances == [5.0, 4.0]
    assert callback.close()


def test_what_was_delivered_but_not_crossed_off_makes_no_second_entry(catalog, tmp_path, engine, beamline):
    """A process that dies after the last entry and before the spool forgets the job."""
    from xpcs_mask_bluesky.callbacks.spool import Spool

    callback = watching(catalog, tmp_path)
    kept = []
    put = callback._worker._outbox.put
    callback._worker._outbox.put = lambda orders: (kept.extend(each.job() for each in orders), put(orders))
    engine.subscribe(callback)
    devices = [beamline.detector, beamline.mono]
    engine(bp.scan(devices, beamline.flight_path.length, 4000, 5000, 4))
    assert callback.close()
    entries = catalog["eiger4M"].head()
    spool = Spool(tmp_path / "spool")
    spool.add(kept)
    spool.close()
    again = watching(catalog, tmp_path)
    assert wait_for(lambda: again.status()["delivered"] == 4)
    assert again.close()
    assert catalog["eiger4M"].head() == entries


def test_the_first_document_converts_no_unit_for_the_first_time(tmp_path):
    code = """
import sys
from pathlib import Path
from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback
source = GeometrySource.preset("ophyd-eiger", detector="eiger4M")
callback = PartitionCallback(MaskCatalog.open("http://127.0.0.1:9"), spool=Path(sys.argv[1]))
callback.watch("eiger4M", source=source)
from xpcs_mask_bluesky import units
assert units._registry.cache_info().currsize == 1
before = units._factor.cache_info().misses
for declared, ours in (("keV", "keV"), ("eV", "keV"), ("m", "m"), ("mm", "m")):
    units.magnitude(8.0, declared, unit=ours)
assert units._factor.cache_info().misses == before
callback.close(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_attached_as_a_list_of_subscribers_it_outlives_the_list(catalog, tmp_path, beamline):
    """As apsbits' ``init_RE(subscribers=[…])`` does it: the profile keeps no other reference."""

    def init_run_engine(subscribers):
        engine = RunEngine({}, context_managers=[])
        for each in subscribers:
            engine.subscribe(each)
        return engine

    engine = init_run_engine([watching(catalog, tmp_path)])
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert wait_for(lambda: published(catalog, uid))
