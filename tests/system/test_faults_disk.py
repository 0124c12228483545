"""A full disk, under spool or catalogue: the run goes on, and nothing half-written is served."""

from __future__ import annotations

import pytest

from tests.system.faults.log_checks import Reader, places_in_log
from tests.system.faults.run import engine, scan, watching
from tests.system.faults.servers import Server, SmallDisk
from tests.system.test_callback import wait_for
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server.embedded import find_server


@pytest.fixture
def disk(tmp_path):
    with SmallDisk(tmp_path / "disk", 40).mounted() as disk:
        yield disk


def told_of(catalog, uid):
    return sorted(number for run, _, number, _ in places_in_log(Reader(catalog).verify()) if run == uid)


def test_a_full_disk_under_the_spool_delivers_from_memory_and_spools_again_when_there_is_room(
    disk, catalog, caplog
):
    disk.fill()
    spool = disk.directory / "spool"
    callback = watching(catalog, spool)
    run = engine(callback)
    (first,) = run(scan([4000.0, 4100.0, 4200.0]))
    assert callback.flush(30), callback.status()
    assert told_of(catalog, first) == [1, 2, 3]
    assert "is the disk full?" in callback.status()["last_error"]
    assert callback.status()["lost"] == 0
    assert not list(spool.glob("*.sqlite")) if spool.exists() else True
    disk.empty()
    assert wait_for(lambda: len(list(spool.glob("*.sqlite"))) == 1)
    (second,) = run(scan([4300.0, 4400.0]))
    assert callback.flush(30), callback.status()
    assert told_of(catalog, second) == [1, 2]
    assert callback.close()


def test_a_disk_that_fills_up_while_jobs_are_spooled_has_them_delivered_once(disk, catalog):
    spool = disk.directory / "spool"
    callback = watching(catalog, spool)
    callback.pause()
    run = engine(callback)
    (first,) = run(scan([4000.0, 4100.0, 4200.0]))
    assert wait_for(lambda: not callback._worker._outbox.news)
    disk.fill()
    (second,) = run(scan([4300.0, 4400.0]))
    callback.resume()
    assert callback.flush(30), callback.status()
    delivered = callback.status()["delivered"]
    assert [told_of(catalog, uid) for uid in (first, second)] == [[1, 2, 3], [1, 2]]
    assert delivered == 5
    assert callback.status()["restarts"] == 0
    disk.empty()
    assert wait_for(
        lambda: "cannot" in callback.status()["last_error"] and not callback._worker._outbox._crossed
    )
    (third,) = run(scan([4500.0]))
    assert callback.flush(30), callback.status()
    assert told_of(catalog, third) == [1]
    assert callback.status()["delivered"] == delivered + 1
    assert callback.close()
    assert list(spool.glob("*.sqlite")) == []


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server whose whole directory is on a small disk, and the disk."""
    with SmallDisk(tmp_path_factory.mktemp("small") / "disk", 40).mounted() as disk:
        server = Server(disk.directory / "served")
        server.start()
        yield server, disk
        server.kill()


@pytest.mark.parametrize("shared", [True, False], ids=["files", "arrays"])
def test_a_full_disk_under_the_catalogue_lets_partitions_wait_until_there_is_room(served, tmp_path, shared):
    server, disk = served
    connection = find_server(server.directory)
    where = {"where": server.directory} if shared else {"where": connection.uri, "api_key": connection.key}
    with MaskCatalog.open(**where, path="files" if shared else "arrays") as catalog:
        callback = watching(catalog, tmp_path / "spool")
        run = engine(callback)
        (before,) = run(scan([4000.0]))
        assert callback.flush(30), callback.status()
        disk.fill()
        (during,) = run(scan([4100.0, 4200.0, 4300.0]))
        assert wait_for(lambda: callback.status()["catalog_away"], 30), callback.status()
        assert callback.status()["waiting"] == 3
        reader = Reader(catalog, server.directory / "partitions")
        told = places_in_log(reader.verify())
        assert {uid for uid, *_ in told} <= {before, during}
        disk.empty()
        assert callback.flush(60), callback.status()
        assert set(places_in_log(reader.verify()).values()) == {1}
        assert told_of(catalog, during) == [1, 2, 3]
        assert callback.status()["parked"] == 0
        assert callback.close()
