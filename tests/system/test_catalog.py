"""Opening a catalogue: shared, restarted, unreachable; recording runs through all of it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.plans import count
from ophyd.sim import det

from tests.system.test_callback import wait_for
from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.server.connection import LOCK_FILE, read_connection
from xpcs_mask_bluesky.store.errors import CatalogUnavailable


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A catalogue whose server a test may kill."""
    with MaskCatalog.open(tmp_path_factory.mktemp("own")) as catalog:
        yield catalog


def kill_server(directory: Path) -> None:
    """Kill whoever holds the directory's lock."""
    (holder,) = {
        int(pid.name) for pid in Path("/proc").iterdir() if pid.name.isdigit() and _serves(pid, directory)
    }
    os.kill(holder, signal.SIGKILL)
    while _port_open(read_connection(directory).port):
        time.sleep(0.02)


def _serves(process: Path, directory: Path) -> bool:
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"xpcs_mask_bluesky.server.app" in command and str(directory).encode() in command


def _port_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_share_the_server_of_a_directory(shared_catalog, server_directory):
    code = (
        "import sys; from xpcs_mask_bluesky.catalog import MaskCatalog; "
        "print(MaskCatalog.open(sys.argv[1]).uri)"
    )
    command = [sys.executable, "-c", code, str(server_directory)]
    other = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert other.stdout.strip() == shared_catalog.uri
    assert (server_directory / LOCK_FILE).exists()
    assert shared_catalog.client is not None


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    code = "import sys; from xpcs_mask_bluesky import MaskCatalog; MaskCatalog.open(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    deadline = time.monotonic() + 10
    while _port_open(read_connection(tmp_path).port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_detector_is_the_special_client_of_plain_tiled(catalog):
    made = catalog.create_detector("det-1", shape=(5, 6))
    assert type(catalog.client[catalog.path]["det-1"]) is type(made)
    assert list(catalog) == ["det-1"]
    assert catalog.create_detector("det-1", shape=(5, 6)) is made


def test_a_detector_keeps_its_shape(catalog):
    catalog.create_detector("det", shape=(5, 6))
    with pytest.raises(ValueError, match="transposed"):
        catalog.create_detector("det", shape=(6, 5))


@pytest.mark.parametrize("name", ["q/phi", "A%20", "", "ü", "a b"])
def test_names_that_tiled_cannot_open_are_refused(catalog, name):
    with pytest.raises(ValueError, match="detector is"):
        catalog.create_detector(name, shape=(5, 6))


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 3)])
def test_an_empty_detector_is_refused(catalog, shape):
    with pytest.raises(ValueError, match="at least 1"):
        catalog.create_detector("det", shape=shape)


def test_an_unknown_detector_is_a_key_error(catalog):
    with pytest.raises(KeyError):
        catalog["nobody"]


def test_an_unreachable_server_is_one_warning_and_tried_again(caplog):
    address = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="xpcs_mask_bluesky"):
        catalog = MaskCatalog.open(address)
    (warning,) = caplog.records
    assert address in warning.getMessage()
    with pytest.raises(CatalogUnavailable, match=address):
        catalog["eiger4M"]
    assert time.monotonic() - began < 3
    assert catalog.spool_directory.name == "spool"


def test_a_killed_server_is_started_again_on_the_next_use(own):
    detector = own.create_detector("det", shape=(5, 6))
    detector.edit().pixels([(1, 1)])
    kill_server(own.directory)
    detector.edit().pixels([(2, 2)])  # the very object that was made before
    assert own["det"].mask().counted == 28
    assert [entry.seq for entry in detector.log()] == [1, 2]


def test_a_server_that_dies_in_mid_run_costs_neither_the_run_nor_a_document(own):
    documents = []
    engine = RunEngine({}, call_returns_result=False)
    engine.subscribe(own.tiled_writer())
    engine.subscribe(lambda name, doc: documents.append((name, doc)))

    @bpp.run_decorator()
    def plan():
        yield from bps.trigger_and_read([det])
        kill_server(own.directory)
        yield from bps.trigger_and_read([det])

    (uid,) = engine(plan())
    restored = own.backup_directory / "restored" / f"{uid}.jsonl"
    assert wait_for(restored.exists, 60)
    kept = [json.loads(line) for line in restored.read_text().splitlines()]
    assert [(each["name"], each["doc"]["uid"]) for each in kept] == [
        (name, doc["uid"]) for name, doc in documents
    ]
    assert documents[-1][1]["exit_status"] == "success"
    assert own.client[own.raw][uid]["primary"].base["internal"].read()["seq_num"].tolist() == [1, 2]
    (next_uid,) = _run_when_back(engine, own)
    assert next_uid in list(own.client[own.raw])
    assert uid != next_uid


def _run_when_back(engine, catalog):
    assert catalog.client.refresh() is not None  # waits for the server
    return engine(count([det]))


def test_a_malformed_document_neither_raises_nor_is_lost(tmp_path, catalog, monkeypatch):
    monkeypatch.setattr(type(catalog), "backup_directory", tmp_path)
    record = catalog.tiled_writer()
    record("descriptor", {"uid": "no run start"})
    (line,) = (tmp_path / "unrouted.jsonl").read_text().splitlines()
    assert json.loads(line)["doc"] == {"uid": "no run start"}


def test_runs_go_to_the_backup_while_tiled_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_: tmp_path)
    catalog = MaskCatalog.open(f"http://127.0.0.1:{free_port()}")
    engine = RunEngine({}, call_returns_result=False)
    engine.subscribe(catalog.tiled_writer())
    (uid,) = engine(count([det], num=3))
    lines = (catalog.backup_directory / f"{uid}.jsonl").read_text().splitlines()
    names = [json.loads(line)["name"] for line in lines]
    assert names == ["start", "descriptor", "event", "event", "event", "stop"]
