"""``xpcs-mask listen --kafka``: a broker of Kafka's protocol, and documents as bluesky_kafka packs them.

The broker is the one that librdkafka brings along for tests: a server on a socket, with topics, groups of
consumers and committed offsets, here in this process; the listener is a client like any other.
"""

import subprocess
import sys

import msgpack
import msgpack_numpy
import numpy as np
import pytest
from confluent_kafka import Producer

from tests.system.listening import await_true, listeners, published, simulated_runs, uid_of, watch_file

pytestmark = pytest.mark.timeout(600)
TOPIC = "xpcs.bluesky.documents"


@pytest.fixture(scope="module")
def producer():
    made = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced by the broker's own"})
    made.list_topics(TOPIC, timeout=20)
    return made


@pytest.fixture
def start(tmp_path):
    with listeners(tmp_path) as function:
        yield function


def test_documents_of_a_topic_arrive_and_a_restart_goes_on_from_where_they_were_kept(
    catalog, server_directory, start, producer, tmp_path
):
    (broker,) = producer.list_topics(timeout=20).brokers.values()

    def send(documents, key=b"beamline"):
        for name, doc in documents:
            value = msgpack.dumps((name, doc), default=msgpack_numpy.encode)
            producer.produce(TOPIC, key=key, value=value)
        producer.flush(20)

    before, first, open_run, meanwhile = simulated_runs(tmp_path / "runs", 5000, 4900, 4800, 4700)
    send(before)
    at = ("--catalog", server_directory, "--path", catalog.path, "--watch", watch_file(tmp_path))
    kafka = ("--kafka", f"{broker.host}:{broker.port}", "--topic", TOPIC)
    listener = start(*at, *kafka)
    with_arrays = [
        *first[:2],
        ("event", {"descriptor": "none", "data": {"image": np.ones((4, 4))}}),
        *first[2:],
    ]

    def heard() -> bool:
        send([("no-such-document", {})])
        return "no-such-document" in listener.said

    await_true(heard, listener)
    send(with_arrays)
    await_true(lambda: published(catalog) == [uid_of(first)], listener)
    send(open_run[:2])  # and then the listener is stopped
    assert listener.end() == 0, listener.said
    send(open_run[2:])
    send(meanwhile)
    again = start(*at, *kafka)
    await_true(lambda: len(published(catalog)) >= 3, again)
    assert again.end() == 0, again.said
    assert published(catalog) == [uid_of(each) for each in (first, open_run, meanwhile)]
    distance = catalog["eiger4M"].partition(run=uid_of(open_run)).partition.record.distance
    assert distance == 4.8  # its start and descriptor came again
    for each in (listener, again):
        assert "Traceback" not in each.said


def test_nothing_here_lets_msgpack_unpickle():
    code = (
        "import sys; import xpcs_mask_bluesky.service.kafka_input, xpcs_mask_bluesky.service.zmq_input\n"
        "import msgpack; print(msgpack.unpackb.__module__, 'bluesky_kafka' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    module, loaded = done.stdout.split()
    assert "numpy" not in module
    assert loaded == "False"
