"""Runs whose documents come again, after a restart or by a replay: the log and what is in force stay."""

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData, run_decorator, stage_decorator

from xpcs_mask_bluesky import GeometrySource, PartitionCallback, PartitionRecipe
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

RECIPE = PartitionRecipe(dynamic=(10, 1), static=(60, 6))


@pytest.fixture
def beamline(tmp_path):
    return SimulatedBeamline(tmp_path / "frames")


@pytest.fixture
def record_run(beamline):
    """Return a function that takes a plan and returns the documents of its run."""
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))

    def run(plan):
        documents = []
        engine(plan, lambda name, doc: documents.append((name, doc)))
        return documents

    return run


@pytest.fixture
def process(catalog, tmp_path):
    """Return a function that makes a callback as a process of its own would have one."""
    made = []

    def make(**given):
        while made:
            assert made.pop().close()
        source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
        made.append(PartitionCallback(catalog, spool=tmp_path / "spool", console=lambda line: None))
        return made[0].watch("eiger4M", source=source, recipe=RECIPE, **given)

    yield make
    made[0].close()


def tell(callback, documents, *, slowly=False):
    for name, doc in documents:
        callback(name, doc)
        if slowly and name == "event":
            assert callback.flush(60), callback.status()
    assert callback.flush(60), callback.status()


def uid_of(documents) -> str:
    return documents[0][1]["uid"]


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_run_told_again_changes_neither_the_log_nor_what_is_in_force(
    catalog, beamline, record_run, process, tmp_path, slowly, restarted
):
    devices = [beamline.detector, beamline.mono]
    first = record_run(bp.scan(devices, beamline.flight_path.length, 4000, 5000, 5))
    beamline.flight_path.length.put(4500.0)
    second, third = (record_run(bp.count(devices)) for _ in range(2))
    callback = process()
    tell(callback, first)  # at once: some of its geometries are noted, not published
    tell(callback, second)
    eiger = catalog["eiger4M"]
    before, alarms = eiger.log(), eiger.log("alarm")
    assert {entry.kind for entry in before} >= {"geometry", "run use"}
    publications = []
    if restarted:
        callback = process(export_to=tmp_path / "qmaps", on_published=publications.append)
    else:
        callback.on_published(publications.append)
    tell(callback, first, slowly=slowly)
    assert eiger.log() == before
    assert eiger.partition().run_uid == uid_of(second)
    if restarted and slowly:
        assert callback.status()["in_force"]["eiger4M/default"]["run"] == uid_of(second)
    assert not publications  # nothing of the past is handed over as if it were new
    tell(callback, third)
    assert eiger.log("alarm") == alarms
    assert eiger.partition().run_uid == uid_of(third)
    assert [each.use.run_uid for each in publications] == [uid_of(third)]


def test_an_alarm_of_a_run_told_again_is_not_raised_again(catalog, beamline, record_run, process):
    devices = [beamline.detector, beamline.mono]
    good = beamline.optics()
    first = record_run(bp.count(devices))
    beamline.tell, beamline.optics = (lambda cam: None), (lambda: good)
    beamline.mono.energy.put(float("nan"))
    bad = record_run(bp.count(devices))
    beamline.mono.energy.put(9.0)
    last = record_run(bp.count(devices))
    callback = process()
    for each in (first, bad, last):
        tell(callback, each)
    eiger = catalog["eiger4M"]
    alarms = eiger.log("alarm")
    assert [each.lineage["run_uid"] for each in alarms] == [uid_of(bad), uid_of(last)]
    tell(callback, bad)
    assert callback.status()["in_force"]["eiger4M/default"]["matches"]
    callback = process()
    tell(callback, bad)
    assert eiger.log("alarm") == alarms
    standing = callback.status()["in_force"]["eiger4M/default"]
    assert (standing["run"], standing["matches"]) == (uid_of(last), True)


def test_what_had_no_partition_gets_one_when_its_run_is_told_again(catalog, beamline, record_run, process):
    devices = [beamline.detector]

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read(devices)

    documents = record_run(plan())
    eiger = catalog.create_detector("eiger4M", shape=(256, 256))
    edit = eiger.edit(author="test")
    edit.circle(row=128, column=128, radius=500)
    callback = process()
    tell(callback, documents)
    assert "no pixel" in eiger.log("alarm")[0].body["message"]
    edit.undo()
    assert callback.flush(60)
    callback = process()
    tell(callback, documents)
    assert eiger.partition(run=uid_of(documents)).partition.read().mask.any()
