"""A server that is killed in mid-run, and one that is slow."""

from __future__ import annotations

import itertools
import time

import pytest

from tests.system.faults.log_checks import Reader, places_in_log
from tests.system.faults.run import FULL, engine, scan, watching
from tests.system.faults.servers import Server, slow_proxy
from tests.system.test_callback import wait_for
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server.embedded import find_server

SECONDS_AWAY = 60.0 if FULL else 2.0


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path / "served")
    yield made
    made.kill()


def test_a_server_killed_in_mid_run_and_back_a_minute_later_has_every_geometry_once(server, tmp_path, capsys):
    connection = server.start()
    catalog = MaskCatalog.open(connection.uri, api_key=connection.key)
    callback = watching(catalog, tmp_path / "spool")
    seen = []

    def distances():
        yield from (4000.0 + number for number in range(10))
        assert wait_for(lambda: callback.status()["delivered"] > 0, 60)
        server.kill()
        end = time.monotonic() + SECONDS_AWAY
        for number in itertools.count():
            if time.monotonic() > end and callback.status()["catalog_away"]:
                break
            yield 4100.0 + number
            time.sleep(0.05)
        seen.append(callback.status())
        server.start()
        yield from (5000.0 + number for number in range(10))

    stops = []
    run = engine(callback, lambda name, doc: stops.append(doc) if name == "stop" else None)
    (uid,) = run(scan(distances()))
    (stop,) = stops
    assert stop["exit_status"] == "success"
    assert seen[0]["catalog_away"]
    assert seen[0]["waiting"] > 0
    back = time.monotonic()
    assert callback.flush(60), callback.status()
    figures = {"waited": seen[0]["waiting"], "delivered in s": round(time.monotonic() - back, 1)}
    with capsys.disabled():
        print({"s away": SECONDS_AWAY, "events": stop["num_events"]["primary"]} | figures)
    told = places_in_log(Reader(catalog).verify())
    assert set(told.values()) == {1}
    assert sorted(number for run, _, number, _ in told if run == uid) == list(
        range(1, stop["num_events"]["primary"] + 1)
    )
    assert callback.close()


def test_a_server_200_ms_slow_delivers_all_and_is_not_waited_for_by_the_run(
    catalog, server_directory, tmp_path, capsys
):
    connection = find_server(server_directory)
    with slow_proxy(connection.port, 0.2) as (port, requests):
        slow = MaskCatalog.open(f"http://127.0.0.1:{port}", path=catalog.path, api_key=connection.key)
        callback = watching(slow, tmp_path / "spool")
        order = []
        callback.on_published(lambda publication: order.append(("published", publication.job.run_uid)))
        run = engine(callback, lambda name, doc: order.append((name, len(requests))))
        asked = len(requests)
        began = time.monotonic()
        (uid,) = run(scan(4000.0 + number for number in range(100)))
        took = time.monotonic() - began
        stop = [name for name, _ in order].index("stop")
        assert [name for name, _ in order[: stop + 1]].count("event") == 100
        assert "published" not in [name for name, _ in order[: stop + 1]]
        assert callback.flush(60), callback.status()
        figures = {"run took s": round(took, 2), "delivered after s": round(time.monotonic() - began, 1)}
        with capsys.disabled():
            print({"requests": len(requests) - asked} | figures)
        assert ("published", uid) in order
        assert len(requests) > asked + 5
        told = places_in_log(Reader(catalog).verify())
        assert sorted(number for _, _, number, _ in told) == list(range(1, 101))
        assert callback.close()
