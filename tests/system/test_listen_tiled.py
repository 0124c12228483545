"""``xpcs-mask listen --tiled``: runs that TiledWriter records, taken at their stop, each once."""

from datetime import datetime

import pytest

from tests.system.listening import await_true, listeners, published, simulated_runs, uid_of, watch_file


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
    at = ("--catalog", server_directory, "--path", catalog.path, "--watch", watch_file(tmp_path))
    tiled = ("--tiled", server_directory, "--runs", catalog.raw)
    began = first[0][1]["time"]  # as if the listener had been there when the first one began
    since = ("--since", stamp(began))
    listener = start(*at, *tiled, *since)
    listener.wait_for(f"/{catalog.raw}")
    record(first)
    record(open_run[:-1])
    await_true(lambda: published(catalog) == [uid_of(first)], listener)
    assert listener.end() == 0, listener.said
    record(meanwhile)
    record(open_run[-1:])
    again = start(*at, *tiled)
    await_true(lambda: len(published(catalog)) >= 3, again)
    record(last)
    await_true(lambda: published(catalog)[3:] == [uid_of(last)], again)
    assert published(catalog)[:3] == [uid_of(each) for each in (first, open_run, meanwhile)]
    assert again.end() == 0, again.said
    log = catalog["eiger4M"].log()
    everything = start(*at, *tiled, "--once", "--position", tmp_path / "another.sqlite", "--since", "all")
    assert everything.status() == 0, everything.said
    assert published(catalog) == [uid_of(each) for each in (first, open_run, meanwhile, last, before)]
    assert [entry for entry in catalog["eiger4M"].log() if entry.seq <= log[-1].seq] == log
    for each, distance in ((first, 4.9), (last, 4.6)):
        assert catalog["eiger4M"].partition(run=uid_of(each)).partition.record.distance == distance
    for each in (listener, again, everything):
        assert "Traceback" not in each.said
        assert "unusable" not in each.said
