"""Runs that Tiled did not take go to files, and from there into Tiled, each once."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.plans import count
from bluesky_tiled_plugins import TiledWriter
from filelock import FileLock
from ophyd import Signal
from ophyd.sim import det
from typer.testing import CliRunner

from tests.system.faults.servers import Server
from tests.system.test_callback import wait_for
from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.cli import app
from xpcs_mask_bluesky.server.embedded import find_server
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline
from xpcs_mask_bluesky.store.backup import JsonLines
from xpcs_mask_bluesky.store.recorder import to_builtin

OWNER = "import sys; from xpcs_mask_bluesky import MaskCatalog; MaskCatalog.open(sys.argv[1]); input()"


@pytest.fixture
def engine():
    return RunEngine({}, context_managers=[], call_returns_result=False)


@pytest.fixture
def documents(engine):
    """All documents of the engine's runs."""
    told = []
    engine.subscribe(lambda name, doc: told.append((name, to_builtin(doc))))
    return told


def kept(catalog) -> list[Path]:
    return list(catalog.backup_directory.glob("*.jsonl"))


def in_tiled(catalog, uid: str) -> bool:
    return uid in list(catalog.client[catalog.raw])


def held(catalog, uid: str) -> dict[str, list[int]]:
    """Return the numbers of a finished run's events in Tiled, by stream."""
    run = catalog.client[catalog.raw][uid]
    assert run.metadata["stop"]["exit_status"] == "success"
    return {name: run[name].base["internal"].read()["seq_num"].tolist() for name in run}


def write(path: Path, *documents) -> Path:
    JsonLines(path)(*documents)
    return path


@bpp.run_decorator()
def configured():
    """A run that configures a signal between two of its events, and holds an array too large for a table."""
    big, gain = Signal(name="big", value=np.arange(40.0)), Signal(name="gain", value=1, kind="config")

    class Both:
        name, parent = "both", None

        def read(self):
            return {**det.read(), **big.read()}

        def describe(self):
            return {**det.describe(), **big.describe()}

        def read_configuration(self):
            return gain.read()

        def describe_configuration(self):
            return gain.describe()

        def configure(self, value):
            gain.put(value)
            return {}, {}

    both = Both()
    for each in range(1, 5):
        yield from bps.trigger_and_read([both])
        yield from bps.configure(both, each)


def test_a_profile_outlives_the_owner_of_its_server_and_its_runs_get_into_tiled(tmp_path, engine, caplog):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE)
    assert wait_for(lambda: find_server(tmp_path) is not None, 60)
    catalog = MaskCatalog.open(tmp_path)
    with catalog:
        engine.subscribe(catalog.tiled_writer())
        (first,) = engine(count([det], num=2))
        owner.communicate()
        assert wait_for(lambda: find_server(tmp_path) is None, 30)
        with caplog.at_level(logging.INFO):
            (second,) = engine(count([det], num=3))
        (line,) = [each for each in caplog.records if second[:8] in each.getMessage()]
        assert not line.exc_info
        assert not [each for each in caplog.records if each.exc_info]
        assert wait_for(lambda: not kept(catalog), 60), [path.read_text() for path in kept(catalog)]
        (third,) = engine(count([det], num=4))
        assert not kept(catalog)
        assert [held(catalog, uid)["primary"] for uid in (first, second, third)] == [
            [1, 2],
            [1, 2, 3],
            [1, 2, 3, 4],
        ]
        assert len(list((catalog.backup_directory / "restored").iterdir())) == 1
    engine(count([det]))
    assert kept(catalog)
    assert find_server(tmp_path) is None  # nothing is started behind a catalogue that was closed


def test_runs_kept_by_an_earlier_process_get_into_tiled_when_a_recorder_starts(
    catalog, tmp_path, engine, documents, monkeypatch
):
    monkeypatch.setattr(type(catalog), "backup_directory", tmp_path)
    uids = [engine(count([det], num=number))[0] for number in (2, 3)]
    for uid in uids:
        write(tmp_path / f"{uid}.jsonl", *_of_run(documents, uid))
    catalog.tiled_writer()
    assert wait_for(lambda: not kept(catalog), 60)
    assert [held(catalog, uid)["primary"] for uid in uids] == [[1, 2], [1, 2, 3]]


def _of_run(documents, uid):
    descriptors = {doc["uid"] for name, doc in documents if name == "descriptor" and doc["run_start"] == uid}
    return [
        (name, doc)
        for name, doc in documents
        if uid in (doc.get("uid"), doc.get("run_start")) or doc.get("descriptor") in descriptors
    ]


@pytest.mark.parametrize("there", [0, 1, 2, 3, 5, 10, 11])
def test_a_run_that_is_there_in_part_is_completed_and_not_doubled(catalog, engine, documents, there):
    runs = catalog.client.create_container(catalog.raw, specs=["CatalogOfBlueskyRuns"])
    (uid,) = engine(configured())
    partly = TiledWriter(runs, batch_size=1)
    for name, doc in documents[:there]:
        partly(name, doc)
    path = write(catalog.backup_directory / f"{uid}.jsonl", *documents)
    (restored,) = catalog.restore_runs()
    assert (restored.runs, restored.problem, path.exists()) == ((uid,), "", False)
    assert held(catalog, uid) == {"primary": [1, 2, 3, 4]}
    stream = runs[uid]["primary"].base
    assert np.array_equal(stream["big"].read(), np.tile(np.arange(40.0), (4, 1)))
    updates = [each["configuration"]["both"]["data"]["gain"] for each in stream.metadata["_config_updates"]]
    assert updates == [1, 2, 3, 4]
    assert restored.path.parent.name == "restored"


def test_a_file_put_back_twice_changes_nothing(catalog, engine, documents):
    (uid,) = engine(configured())
    path = write(catalog.backup_directory / f"{uid}.jsonl", *documents)
    (restored,) = catalog.restore_runs()
    before = catalog.client[catalog.raw][uid].metadata["stop"]
    shutil.copy(restored.path, path)
    (restored,) = catalog.restore_runs()
    assert restored.runs == (uid,)
    assert held(catalog, uid) == {"primary": [1, 2, 3, 4]}
    assert catalog.client[catalog.raw][uid].metadata["stop"] == before


def test_the_files_that_blueskys_own_writer_leaves_are_put_back(tmp_path, engine, documents):
    server = Server(tmp_path / "served")
    connection = server.start()
    catalog = MaskCatalog.open(connection.uri, api_key=connection.key)
    backup = catalog.backup_directory
    writer = TiledWriter(catalog._runs_container(), backup_directory=str(backup))
    engine.subscribe(writer)

    @bpp.run_decorator()
    def plan():
        yield from bps.trigger_and_read([det])
        yield from bps.trigger_and_read([det])
        server.kill()

    try:
        (uid,) = engine(plan())
        (path,) = kept(catalog)
        assert path.stem == uid[:8]
        assert "event_page" in path.read_text()
        server.start()
        (restored,) = catalog.restore_runs()
        assert restored.runs == (uid,)
        assert held(catalog, uid) == {"primary": [1, 2]}
    finally:
        server.kill()
        shutil.rmtree(backup.parent, ignore_errors=True)


def test_frames_in_files_are_found_as_if_tiled_had_never_been_away(
    catalog, server_directory, engine, documents
):
    beamline = SimulatedBeamline(server_directory / "frames")
    beamline.detector.cam.num_images.put(2)
    engine.subscribe(catalog.tiled_writer())
    devices = [beamline.detector, beamline.mono]
    (direct,) = engine(count(devices, num=2))
    engine.unsubscribe(1)
    assert held(catalog, direct)["primary"] == [1, 2]
    node = catalog.client[catalog.raw][direct]["primary"].base
    told = json.loads(json.dumps(documents).replace(direct, direct[::-1]))
    write(catalog.backup_directory / "reversed.jsonl", *map(tuple, told))
    (restored,) = catalog.restore_runs()
    assert restored.runs == (direct[::-1],)
    again = catalog.client[catalog.raw][direct[::-1]]["primary"].base
    assert set(again) == set(node)
    assert np.array_equal(again["eiger4M_image"].read(), node["eiger4M_image"].read())


@pytest.mark.parametrize("cut", ["no stop", "cut short", "no start", "not json"])
def test_what_holds_no_whole_run_stays_and_says_why(catalog, engine, documents, cut):
    (uid,) = engine(count([det]))
    told = {"no stop": documents[:-1], "no start": documents[1:]}.get(cut, documents)
    path = write(catalog.backup_directory / f"{cut}.jsonl", *told)
    if cut == "cut short":
        path.write_text(path.read_text()[:-40])
    if cut == "not json":
        path.write_text("a note of somebody\n")
    before = path.read_text()
    (found,) = catalog.restore_runs()
    assert found.problem
    assert not found.whole
    assert path.read_text() == before
    assert not in_tiled(catalog, uid)
    path.unlink()


def test_documents_of_no_known_run_are_left_where_they_are(catalog, engine, documents):
    recorder = catalog.tiled_writer()
    engine(count([det]))
    for each in documents[1:]:
        recorder(*each)
    assert len((catalog.backup_directory / "unrouted.jsonl").read_text().splitlines()) == len(documents) - 1
    assert catalog.restore_runs() == []
    (catalog.backup_directory / "unrouted.jsonl").unlink()


def test_the_command_says_what_became_of_each_file(catalog, server_directory, engine, documents):
    def command(*more):
        where = ["--catalog", str(server_directory), "--path", catalog.path]
        return CliRunner().invoke(app, ["restore-runs", *where, *more])

    assert "no run waits in" in command().stdout
    (uid,) = engine(count([det]))
    for name, told in (("a", documents), ("b", documents[:-1])):
        write(catalog.backup_directory / f"{name}.jsonl", *told)
    done = command()
    assert done.exit_code == 3
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{uid[:8]}: in Tiled")
    assert "b.jsonl stays: run" in second
    (fact,) = json.loads(command("--json").stdout)["files"]
    assert fact["runs"] == []
    assert "has no stop" in fact["problem"]
    (catalog.backup_directory / "b.jsonl").unlink()


def test_two_processes_do_not_restore_at_the_same_time(catalog, engine, documents):
    (uid,) = engine(count([det]))
    path = write(catalog.backup_directory / f"{uid}.jsonl", *documents)
    with (
        FileLock(catalog.backup_directory / "restore.lock"),
        pytest.raises(TimeoutError, match="another process"),
    ):
        catalog.restore_runs()
    assert path.exists()
    assert [each.runs for each in catalog.restore_runs()] == [(uid,)]


def test_a_run_that_tiled_refuses_stays_and_the_others_are_put_back(catalog, engine, documents, caplog):
    (uid,) = engine(count([det]))
    bad = json.loads(json.dumps(documents).replace(uid, "0" * 36))
    bad[0][1]["tiled_specs"] = [{"name": "x" * 500}]
    write(catalog.backup_directory / "0.jsonl", *map(tuple, bad))
    time.sleep(0.02)
    write(catalog.backup_directory / f"{uid}.jsonl", *documents)
    refused, restored = catalog.restore_runs()
    assert refused.problem
    assert refused.path.exists()
    assert restored.runs == (uid,)
    refused.path.unlink()
