"""``xpcs-mask listen --tiled``: runs that TiledWriter records, taken at their stop, each once."""

import copy
import threading
import time
import uuid
from datetime import datetime

import pytest

from tests.system.listening import await_true, listeners, published, simulated_runs, uid_of, watch_file
from xpcs_mask_bluesky import PartitionCallback, WatchList
from xpcs_mask_bluesky.service.intake import Intake
from xpcs_mask_bluesky.service.position import Position
from xpcs_mask_bluesky.service.tiled_input import SECONDS_WITHOUT_STOP, TiledInput

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def start(tmp_path):
    with listeners(tmp_path) as function:
        yield function


def stamp(seconds):
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


def test_runs_are_taken_at_their_stop_and_after_a_restart_from_where_it_left_off(
    catalog, server_directory, start, tmp_path
):
    writer = catalog.tiled_writer()

    def record(documents):
        for name, doc in documents:
            writer(name, doc)

    before, first, open_run, meanwhile, last = simulated_runs(tmp_path / "runs", 5000, 4900, 4800, 4700, 4600)
    record(before)
    watched = watch_file(tmp_path)
    live = WatchList.from_yaml(watched).watch(PartitionCallback(catalog, spool=tmp_path / "spool"))
    for name, doc in before:  # as beside the RunEngine
        live(name, doc)
    assert live.close()
    at = ("--catalog", server_directory, "--path", catalog.path, "--watch", watched)
    tiled = ("--tiled", server_directory, "--runs", catalog.raw)
    began = first[0][1]["time"]  # as if the listener had been there when the first one began
    since = ("--since", stamp(began))
    listener = start(*at, *tiled, *since)
    listener.wait_for(f"/{catalog.raw}")
    record(first)
    record(open_run[:-1])
    await_true(lambda: published(catalog)[1:] == [uid_of(first)], listener)
    assert listener.end() == 0, listener.said
    record(meanwhile)
    record(open_run[-1:])
    again = start(*at, *tiled)
    await_true(lambda: len(published(catalog)) >= 4, again)
    record(last)
    await_true(lambda: published(catalog)[4:] == [uid_of(last)], again)
    assert published(catalog)[:4] == [uid_of(each) for each in (before, first, open_run, meanwhile)]
    assert again.end() == 0, again.said
    assert ", 3 runs" in again.said  # none of them twice
    log = catalog["eiger4M"].log()
    everything = start(*at, *tiled, "--once", "--position", tmp_path / "another.sqlite", "--since", "all")
    assert everything.status() == 0, everything.said
    assert ", 5 runs" in everything.said
    assert catalog["eiger4M"].log() == log  # what was published before, from whatever documents, stays
    for each, distance in ((first, 4.9), (last, 4.6)):
        record_of_run = catalog["eiger4M"].partition(run=uid_of(each)).partition.record
        assert record_of_run.distance == pytest.approx(distance)
    for each in (listener, again, everything):
        assert "Traceback" not in each.said
        assert "unusable" not in each.said


class Kept:
    """A callback that keeps what it is given, on a disk that never fails."""

    def __init__(self):
        self.names: dict[str, list[str]] = {}

    def __call__(self, name, doc):
        run = doc.get("run_start") or doc.get("uid") if name in {"start", "descriptor", "stop"} else ""
        self.names.setdefault(run, []).append(name)

    def kept(self, timeout):
        return True


def looked(catalog, path, *, seconds=None):
    """Return what a listener takes in one look, or in some seconds, and what it counts."""
    callback, position, stop = Kept(), Position(path, "runs"), threading.Event()
    if seconds:
        threading.Timer(seconds, stop.set).start()
    intake = Intake(callback)
    TiledInput(
        lambda: catalog.client,
        catalog.raw,
        where="here",
        position=position,
        since=0.0,
        once=not seconds,
    ).run(intake, stop)
    position.close()
    return set(callback.names) - {""}, callback.names, intake.counts


def test_a_run_without_a_stop_is_taken_after_a_day_and_what_is_no_run_holds_up_nothing(catalog, tmp_path):
    writer = catalog.tiled_writer()
    done, open_run, lost = simulated_runs(tmp_path / "runs", 5000, 4900, 4800)
    lost = copy.deepcopy(lost)
    lost[0][1]["time"] = time.time() - SECONDS_WITHOUT_STOP - 60
    for documents in (done, open_run[:-1], lost[:-1]):
        for name, doc in documents:
            writer(name, doc)
    no_run = str(uuid.uuid4())
    catalog.client[catalog.raw].create_container(no_run, metadata={"start": {"uid": no_run, "time": 1.0}})
    path = tmp_path / "position.sqlite"
    taken, names, counts = looked(catalog, path)
    assert taken == {uid_of(done), uid_of(lost)}
    assert names[uid_of(done)][-1] == "stop"
    assert "stop" not in names[uid_of(lost)]
    assert counts["unusable"] == 1  # and tried again by the next start
    taken, _, counts = looked(catalog, path, seconds=8)
    assert (taken, counts["unusable"]) == (set(), 1)  # in several looks
    writer(*open_run[-1])
    taken, _, counts = looked(catalog, path)
    assert (taken, counts["unusable"]) == ({uid_of(open_run)}, 0)
