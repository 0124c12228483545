"""``xpcs-mask listen --zmq``: bluesky's publisher and proxy, and a catalogue that comes and goes."""

import contextlib
import pickle
import signal
import socket
import subprocess
import sys
import time

import msgpack
import pytest
import zmq
from bluesky.callbacks.zmq import Publisher

from tests.system.listening import (
    COMMAND,
    await_true,
    listeners,
    published,
    simulated_runs,
    uid_of,
    watch_file,
)
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server.embedded import find_server

pytestmark = pytest.mark.timeout(600)
PROXY = "import sys; from bluesky.callbacks.zmq import Proxy; Proxy(*sys.argv[1:]).start()"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return simulated_runs(tmp_path_factory.mktemp("runs"), 5000, 4900, 4800, 4700)


@pytest.fixture
def start(tmp_path):
    with listeners(tmp_path) as function:
        yield function


@pytest.fixture(scope="module")
def proxy():
    """Bluesky's proxy in a process of its own: the addresses of its two sides."""
    sides = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    process = subprocess.Popen([sys.executable, "-c", PROXY, *sides])
    yield sides
    process.kill()
    process.wait()


@pytest.fixture
def publisher(proxy):
    made = Publisher(proxy[0], serializer=msgpack.dumps)
    yield made
    made.close()


@contextlib.contextmanager
def served(directory, port):
    command = [COMMAND, "serve", str(directory), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_true(lambda: find_server(directory) is not None)
        yield process
    finally:
        process.kill()
        process.wait()


def publish(publisher, documents) -> None:
    for name, doc in documents:
        publisher(name, doc)


def connected(publisher, listener) -> None:
    """Return when what the publisher sends arrives: 0MQ tells nobody when it has connected."""
    sent = 0

    def heard() -> bool:
        nonlocal sent
        sent += 1
        publisher("no-such-document", {"number": sent})
        return "no-such-document" in listener.said

    await_true(heard, listener)


def test_runs_arrive_whatever_else_does(catalog, server_directory, start, proxy, publisher, runs, tmp_path):
    at = ("--catalog", server_directory, "--path", catalog.path, "--watch", watch_file(tmp_path))
    listener = start(*at, "--zmq", proxy[1])
    connected(publisher, listener)
    raw = zmq.Context.instance().socket(zmq.PUB)
    raw.connect(f"tcp://{proxy[0]}")
    time.sleep(0.3)
    first, second, third, _ = runs
    marker = tmp_path / "unpickled"
    attack = b" start " + pickle.dumps(Touch(str(marker)))
    for garbage in (b"", b"\x00\xff", b"start", b" start \xc1", b" event " + msgpack.dumps([1, 2]), attack):
        raw.send(garbage)
    publish(publisher, first)
    publish(publisher, second[1:])  # its start was lost
    await_true(lambda: published(catalog) == [uid_of(first), uid_of(second)], listener)
    for each in (first, second):
        (use,) = catalog["eiger4M"].partitions(run=uid_of(each))
        assert use.partition.record.distance in {5.0, 4.9}
    publish(publisher, third[:-1])
    await_true(lambda: published(catalog)[2:] == [uid_of(third)], listener)  # before its stop
    assert listener.end(signal.SIGINT) == 0, listener.said
    raw.close(linger=0)
    assert not marker.exists()
    assert "but a pickle, which is never read" in listener.said
    unusable = int(listener.said.split(" unusable")[0].rsplit(" ", 1)[1])
    assert unusable >= 1 + 6
    assert "Traceback" not in listener.said


class Touch:
    """A pickle that writes a file where it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_what_the_catalogue_did_not_take_is_told_by_status_and_delivered_by_the_next_start(
    start, proxy, publisher, runs, tmp_path
):
    port, directory = free_port(), tmp_path / "served"
    at = ("--catalog", f"http://127.0.0.1:{port}", "--watch", watch_file(tmp_path), "--zmq", proxy[1])
    with served(directory, port) as server:
        key = find_server(directory).key
        listener = start(*at, TILED_API_KEY=key)
        connected(publisher, listener)
        publish(publisher, runs[0])
        with MaskCatalog.open(f"http://127.0.0.1:{port}", api_key=key) as catalog:
            await_true(lambda: published(catalog) == [uid_of(runs[0])], listener)
        server.send_signal(signal.SIGKILL)
        server.wait()
        publish(publisher, runs[1])
        listener.wait_for(f"run {uid_of(runs[1])[:8]}")
        assert listener.end() == 3, listener.said
        assert "some wait in the spool" in listener.said
    away = start(*at, TILED_API_KEY=key)  # nobody serves
    connected(publisher, away)
    publish(publisher, runs[2])
    away.wait_for(f"run {uid_of(runs[2])[:8]}")
    assert away.end() == 3, away.said
    with served(directory, port):
        last = start(*at, TILED_API_KEY=key)
        with MaskCatalog.open(f"http://127.0.0.1:{port}", api_key=key) as catalog:
            await_true(lambda: len(published(catalog)) >= 3, last)
            assert last.end() == 0, last.said
            assert published(catalog) == [uid_of(each) for each in runs[:3]]
