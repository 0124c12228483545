"""Replay of real runs in a real Tiled, through databroker too, killed in the middle, and on dask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData, run_decorator, stage_decorator
from typer.testing import CliRunner

from tests.system.test_catalog import free_port
from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe, WatchList
from xpcs_mask_bluesky.cli import app
from xpcs_mask_bluesky.replay.computing import computing
from xpcs_mask_bluesky.replay.databroker import BrokerRuns
from xpcs_mask_bluesky.replay.lines import decoded
from xpcs_mask_bluesky.replay.replayer import Replay
from xpcs_mask_bluesky.replay.selection import Selection
from xpcs_mask_bluesky.replay.tables import documents_of
from xpcs_mask_bluesky.replay.tiled import TiledRuns
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

COMMAND = Path(sys.executable).with_name("xpcs-mask")
RECIPE = PartitionRecipe(dynamic=(10, 1), static=(60, 6))
ALL = Selection(every=True)
RUNS = 7


@pytest.fixture(scope="module")
def measured(server_directory, shared_catalog, tmp_path_factory):
    """Runs that no callback of ours saw; and the uids, in order."""
    catalog = MaskCatalog.open(server_directory, path="xpcs-none", raw="raw-history")
    beamline = SimulatedBeamline(tmp_path_factory.mktemp("frames"))
    beamline.detector.cam.num_images.put(2)
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))
    engine.subscribe(catalog.tiled_writer())
    devices = [beamline.detector, beamline.mono]

    @stage_decorator(devices)
    @run_decorator(md={"sample": "ludox"})
    def configured():
        yield from bps.trigger_and_read(devices)
        yield from bps.configure(beamline.mono, {"energy": 9.0})
        yield from bps.trigger_and_read(devices)

    uids = list(engine(configured()))
    uids += engine(bp.scan(devices, beamline.flight_path.length, 4000, 5000, 5), sample="ludox")
    for number in range(RUNS - 4):
        beamline.flight_path.length.set(5000 + 10 * number)
        uids += engine(bp.count(devices), sample="silica", temperature={"K": 290 + number})
    beamline.flight_path.length.set(5000)
    uids += engine(bp.count(devices), sample="silica")
    uids += engine(bp.count([beamline.mono]))  # without the detector
    return catalog, uids


@pytest.fixture
def runs(measured):
    catalog, _ = measured
    return TiledRuns.at(catalog.client, catalog.raw)


@pytest.fixture
def watched():
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
    return WatchList.model_validate({"entries": [{"source": source, "recipe": RECIPE}]})


def replayed(catalog, watched, runs, selection=ALL, **where):
    with computing(**where) as place:
        job = Replay(catalog, watched, runs, selection)
        return job, list(job.outcomes(place))


def log_of(catalog):
    """What the log tells, but for when and by which document."""
    kept = ("kind", "inputs")
    return [
        {name: getattr(entry, name) for name in kept}
        | {"lineage": dict(entry.lineage), "partition": entry.body.get("partition")}
        for entry in catalog["eiger4M"].log()
    ]


def digests(catalog, uids):
    found = {}
    for uid in uids:
        try:
            found[uid] = [use.digest for use in catalog["eiger4M"].partitions(run=uid)]
        except LookupError:
            found[uid] = []
    return found


def test_a_replay_publishes_what_the_callback_would_have(catalog, measured, runs, watched, tmp_path):
    _, uids = measured
    job, outcomes = replayed(catalog, watched, runs)
    assert [each.uid for each in outcomes] == job.left == uids
    assert not [each.failures for each in outcomes if each.failures]
    assert [each.published for each in outcomes] == [1] * (RUNS - 1) + [0]
    live = MaskCatalog.open(catalog.directory, path=f"{catalog.path}-live", raw=catalog.raw)
    callback = PartitionCallback(live, spool=tmp_path / "spool", console=lambda line: None)
    watched.watch(callback)
    for uid in uids:
        for name, doc in decoded(runs.documents(uid)):
            callback(name, doc)
        assert callback.flush(30)
    callback.close()
    assert digests(catalog, uids) == digests(live, uids)
    assert sum(len(each) for each in digests(catalog, uids).values()) == 2 + 5 + RUNS - 3
    live.close()


def test_a_second_replay_changes_nothing_with_and_without_its_record(catalog, measured, runs, watched):
    _, uids = measured
    replayed(catalog, watched, runs)
    before = log_of(catalog)
    job, outcomes = replayed(catalog, watched, runs)
    assert (job.found, job.left, outcomes) == (uids, [], [])
    for file in catalog.replay_directory.glob("*"):
        file.unlink()
    catalog["eiger4M"].edit().circle(row=90, column=150, radius=20)  # a run keeps what it was published with
    before = log_of(catalog)
    job, outcomes = replayed(catalog, watched, runs)
    assert job.left == uids
    assert sum(each.published for each in outcomes) == 0
    assert log_of(catalog) == before


def test_a_record_of_another_catalogue_is_not_believed(catalog, measured, runs, watched):
    _, uids = measured
    replayed(catalog, watched, runs, Selection(uids=(uids[0], uids[1])))
    job = Replay(catalog, watched, runs, ALL)
    assert job.left == uids[2:]
    job._record.add(uids[2], {"eiger4M": 1})  # that entry tells of no run
    assert Replay(catalog, watched, runs, ALL).left == uids[2:]


def test_workers_of_dask_publish_the_same_log(catalog, measured, runs, watched, server_directory):
    replayed(catalog, watched, runs)
    with MaskCatalog.open(server_directory, path=f"{catalog.path}-dask", raw=catalog.raw) as other:
        _, outcomes = replayed(other, watched, runs, workers=2)
        assert not [each.failures for each in outcomes if each.failures]
        assert log_of(other) == log_of(catalog)
        files = server_directory / "partitions"
        uses = other["eiger4M"].partitions(run=outcomes[0].uid)
        assert (files / f"{uses[1].digest}.hdf").exists()
        assert uses[1].partition.read().digest == uses[1].digest


def test_partitions_are_the_same_where_no_file_system_is_shared(catalog, measured, runs, watched):
    _, uids = measured
    key = json.loads((catalog.directory / "connection.json").read_text())["key"]
    with MaskCatalog.open(catalog.uri, path=f"{catalog.path}-far", api_key=key) as far:
        _, (outcome,) = replayed(far, watched, runs, Selection(uids=(uids[0],)))
        stored = far.client[outcome.uses[-1].path]
        assert not stored.include_data_sources().data_sources()  # arrays, no registered file
        assert stored.read().digest == outcome.uses[-1].digest
        assert outcome.failures == ()
    for file in far.replay_directory.glob("*"):
        file.unlink()


@contextmanager
def scheduler(directory):
    """Yield the address of a scheduler of dask's with one worker, processes of their own."""
    address = f"tcp://127.0.0.1:{free_port()}"
    bin_ = Path(sys.executable).parent
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": directory}
    started = [
        subprocess.Popen([bin_ / "dask", "scheduler", "--host", address, "--no-dashboard"], **quiet),
        subprocess.Popen(
            [bin_ / "dask", "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"],
            env={**os.environ, "NPROC": "1"},
            **quiet,
        ),
    ]
    try:
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


def test_a_scheduler_that_runs_already_does_it_too(catalog, measured, runs, watched, tmp_path):
    _, uids = measured
    with scheduler(tmp_path) as address:
        _, outcomes = replayed(catalog, watched, runs, Selection(uids=tuple(uids[:3])), scheduler=address)
    assert [each.published for each in outcomes] == [1, 1, 1]


def test_a_scheduler_that_is_away_is_said(monkeypatch):
    monkeypatch.setattr("xpcs_mask_bluesky.replay.computing.SECONDS_TO_CONNECT", 1)
    with (
        pytest.raises(ConnectionError, match="no scheduler"),
        computing(scheduler=f"127.0.0.1:{free_port()}"),
    ):
        pass


def command(catalog, *options):
    arguments = ["--catalog", catalog.directory, "--path", catalog.path, "--raw", "raw-history"]
    watch = ["--detector", "eiger4M", "--preset", "xpcs-sim"]
    return [COMMAND, "replay", *map(str, arguments), *watch, *options]


def test_a_replay_killed_in_the_middle_goes_on_where_it_was(catalog, measured, tmp_path):
    _, uids = measured
    recipe = tmp_path / "recipe.json"
    recipe.write_text(RECIPE.model_dump_json())
    whole = command(catalog, "--all", "--recipe", str(recipe), "--json")
    catalog.create_detector("eiger4M", shape=(256, 256))
    first = subprocess.Popen(whole, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(lambda: len(_uses(catalog)) >= 2)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(20)
    done = {use.lineage["run_uid"] for use in _uses(catalog)}
    again = subprocess.run(whole, capture_output=True, text=True, check=True)
    facts = json.loads(again.stdout)
    assert facts["runs"] == len(uids)
    assert facts["done_before"] >= len(done) - 1  # between the commit and the record is a moment
    assert facts["published"] == RUNS - 1 - len(done)
    assert [use.lineage["run_uid"] for use in _uses(catalog)] == uids[:-1]
    assert catalog["eiger4M"].head() == catalog["eiger4M"].log()[-1].seq


def _uses(catalog):
    return catalog["eiger4M"].log("run use")


def _await(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_that_fails_is_said_at_the_end_and_the_others_go_on(catalog, measured, runs, tmp_path):
    _, uids = measured
    content = yaml.safe_load(
        GeometrySource.preset("xpcs-sim", detector="eiger4M").model_dump_json(exclude_defaults=True)
    )
    content["fields"]["incident_energy"] = [{"where": "start", "key": "temperature.K", "unit": "keV"}]
    source = tmp_path / "source.yml"
    source.write_text(yaml.safe_dump(content))
    options = ["--detector", "eiger4M", "--source", str(source), "--where", "sample=silica"]
    catalog.create_detector("eiger4M", shape=(256, 256)).set_recipe(RECIPE)
    asked = ["--catalog", str(catalog.directory), "--path", catalog.path, "--raw", "raw-history", *options]
    for _ in range(2):  # a failure is not done: it is said again
        done = invoked("replay", *asked)
        assert done.exit_code == 1
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith(uids[-2])
        assert "incident_energy" in line
        assert "1 FAILED" in done.stdout
        assert {use.lineage["run_uid"] for use in _uses(catalog)} == set(uids[2:-2])


def invoked(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "expected --run"),
        (["--run", "nobody-has-it"], "has no run"),
        (["--all", "--databroker", "nobody"], "no catalogue 'nobody'"),
        (["--since", "yesterday"], "no time such as"),
        (["--where", "sample"], "no KEY=VALUE"),
        (["--all", "--raw", "nowhere"], "which one holds the runs"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(catalog, measured, options, words):
    done = invoked(*command(catalog, *options)[1:])
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("xpcs-mask replay: ")
    assert words in line


def test_runs_are_selected_by_time_and_by_what_their_start_says(measured, runs):
    catalog, uids = measured
    times = [catalog.client[catalog.raw][uid].metadata["start"]["time"] for uid in uids]
    assert runs.find(ALL) == uids
    assert runs.find(Selection(since=times[2], until=times[4])) == uids[2:4]
    assert runs.find(Selection(where={"sample": "ludox"})) == uids[:2]
    assert runs.find(Selection(where={"sample": "silica", "temperature.K": 291})) == [uids[3]]
    assert runs.find(Selection(uids=(uids[4][:9], uids[0]))) == [uids[4], uids[0]]


def test_a_server_without_an_exporter_tells_the_same(measured, runs, watched):
    catalog, uids = measured
    for uid in uids:
        exported, read = runs.documents(uid), documents_of(catalog.client[catalog.raw][uid])
        assert said(watched, read) == said(watched, exported)


def said(watched, documents):
    from xpcs_mask_bluesky.documents.tracker import GeometryTracker

    tracker = GeometryTracker(watched.entries[0].source)
    found = [each for name, doc in decoded(documents) for each in tracker(name, doc)]
    return [(each.stream, each.seq_num, each.record.digest) for each in found]


def test_an_older_run_does_not_become_the_newest_partition(catalog, measured, runs, watched):
    _, uids = measured
    eiger = catalog.create_detector("eiger4M", shape=(256, 256))
    replayed(catalog, watched, runs, Selection(uids=(uids[5],)))
    newest = eiger.partition()
    assert newest.run_uid == uids[5]
    replayed(catalog, watched, runs)
    assert eiger.partition().run_uid == uids[5]
    assert [use.lineage.get("past") for use in _uses(catalog)] == [None] + [True] * 5
    assert eiger.partition(run=uids[2]).partition.record.distance == 5.0
    assert not eiger.log("alarm")
    for uid in uids[:-1]:  # whatever the log's order, a time is answered by what was measured last
        (*_, last) = eiger.partitions(run=uid)
        found = eiger.partition(at=datetime.fromtimestamp(last.time, UTC) + timedelta(milliseconds=1))
        assert found.run_uid == uid


def test_databroker_finds_and_tells_the_same_runs(measured, runs, watched, tmp_path):
    """In a process of its own: databroker changes how Tiled's clients of runs answer in all of it."""
    catalog, uids = measured
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    connection = json.loads((catalog.directory / "connection.json").read_text())
    address = f"{catalog.uri.rstrip('/')}/api/v1/metadata/raw-history"
    (profiles / "ours.yml").write_text(yaml.safe_dump({"history": {"uri": address}}))
    script = f"""
import json
from xpcs_mask_bluesky.replay.databroker import BrokerRuns
from xpcs_mask_bluesky.replay.selection import Selection
runs = BrokerRuns.named("history")
found = runs.find(Selection(every=True)), runs.find(Selection(where={{"sample": "ludox"}}, since=1.0))
print(json.dumps([*found, [runs.documents(uid).decode() for uid in {uids!r}]]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env={**os.environ, "TILED_PROFILES": str(profiles), "TILED_API_KEY": connection["key"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    every, ludox, documents = json.loads(done.stdout.splitlines()[-1])
    assert (every, ludox) == (uids, uids[:2])
    for uid, each in zip(uids, documents, strict=True):
        assert said(watched, each.encode()) == said(watched, runs.documents(uid))


def test_databroker_is_not_imported_before_it_is_used():
    script = "import sys, xpcs_mask_bluesky.replay.databroker as each; print('databroker' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert BrokerRuns.__module__ == "xpcs_mask_bluesky.replay.databroker"
