"""What the inputs of a listener do without a server: bytes of strangers, files, and how far was read."""

import contextlib
import pickle
import threading
from pathlib import Path

import msgpack
import msgpack_numpy
import numpy as np
import pytest
import zmq
import zmq.auth
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_metadata_8id import write
from xpcs_mask_bluesky.service.files_input import FilesInput
from xpcs_mask_bluesky.service.intake import Intake, check
from xpcs_mask_bluesky.service.kafka_input import SECONDS_WITHOUT_STOP, OpenRuns, read_settings
from xpcs_mask_bluesky.service.position import Position
from xpcs_mask_bluesky.service.wire import unpacked
from xpcs_mask_bluesky.service.zmq_input import Curve, ZmqInput


class Callback:
    """Keeps what it is given; whether it is on disk is for a test to say."""

    def __init__(self):
        self.documents, self.on_disk = [], True

    def __call__(self, name, doc):
        self.documents.append((name, doc))

    def kept(self, timeout):
        return self.on_disk

    @property
    def detectors(self):
        return [doc["detectors"] for name, doc in self.documents if name == "start"]


def packed(value) -> bytes:
    return msgpack.packb(value, default=msgpack_numpy.encode)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_a_publisher_packs_is_what_is_read(value):
    assert unpacked(msgpack.packb(value)) == value


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (np.int64(-3), -3),
        (np.bool_(True), True),
        (np.arange(6.0).reshape(2, 3), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.zeros((0, 3)), []),
    ],
)
def test_numbers_of_numpy_are_read_as_msgpack_numpy_writes_them(value, read):
    assert unpacked(packed({"x": value}))["x"] == read


def test_an_array_of_objects_is_refused_and_a_pickle_named_so():
    with pytest.raises(ValueError, match=r"an array of .*, not of numbers"):
        unpacked(packed({"x": np.array([{"a": 1}], dtype=object)}))
    with pytest.raises(ValueError, match="a pickle, which is never read"):
        unpacked(pickle.dumps({"uid": "x"}))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        unpacked(data)
    except ValueError as error:
        assert str(error)


def test_nesting_without_end_is_refused():
    with pytest.raises(ValueError, match="not MessagePack"):
        unpacked(b"\x91" * 100_000)


@pytest.mark.parametrize(("name", "doc"), [("begin", {}), (3, {}), ("start", []), (None, None)])
def test_what_is_no_document_is_refused(name, doc):
    with pytest.raises(ValueError, match="document"):
        check(name, doc)


def test_a_position_survives_and_belongs_to_one_process_and_one_input(tmp_path):
    path = tmp_path / "deep" / "p.sqlite"
    position = Position(path, "files /a")
    assert position.since is None
    position.since = 5.0
    position.take("run-1", 10.0)
    position.take("run-2", 20.0)
    with pytest.raises(ValueError, match="another process listens to files /a"):
        Position(path, "files /a")
    position.close()
    again = Position(path, "files /a")
    assert (again.since, again.has("run-1"), again.has("run-3")) == (5.0, True, False)
    again.forget(15.0)
    assert (again.has("run-1"), again.has("run-2")) == (False, True)
    again.close()
    with pytest.raises(ValueError, match="is that of files /a, not of files /b"):
        Position(path, "files /b")
    path.write_bytes(b"no database" * 500)
    with pytest.raises(ValueError, match="is damaged"):
        Position(path, "files /a")


def files(tmp_path, detectors, callback, **given):
    position = Position(tmp_path / "p.sqlite", "files")
    made = FilesInput(tmp_path / "data", detectors, position, **({"since": 0.0, "once": True} | given))
    intake = Intake(callback)
    made.run(intake, threading.Event())
    position.close()
    return intake.counts


def test_of_several_detectors_a_file_is_that_of_the_one_it_names(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "a_metadata.hdf", detector_name=("rigaku3M_epics", None))
    write(tmp_path / "data" / "b_metadata.hdf", detector_name=("lambda2M", None))
    write(tmp_path / "data" / "c_metadata.hdf", detector_name=("tetramm1", None))
    callback = Callback()
    counts = files(tmp_path, ["eiger4M", "lambda2M", "rigaku3M"], callback)
    assert sorted(callback.detectors) == [["lambda2M"], ["rigaku3M"]]
    assert counts["of another detector"] == 1


def test_a_file_that_never_becomes_one_is_said_once_and_holds_up_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("xpcs_mask_bluesky.service.files_input.SECONDS_TO_BE_WHOLE", 3.0)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a_metadata.hdf").write_bytes(b"\x89HDF\r\n\x1a\n and no more")
    write(tmp_path / "data" / "b_metadata.hdf")
    callback = Callback()
    assert files(tmp_path, ["rigaku3M"], callback)["unusable"] == 1
    assert callback.detectors == [["rigaku3M"]]
    (record,) = caplog.records
    assert "a_metadata.hdf cannot be read as HDF5" in record.getMessage()
    assert files(tmp_path, ["rigaku3M"], callback)["unusable"] == 0


def test_what_is_not_on_disk_is_read_again_by_the_next_start(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "a_metadata.hdf")
    callback = Callback()
    callback.on_disk = False
    stop = threading.Event()
    position = Position(tmp_path / "p.sqlite", "files")
    made = FilesInput(tmp_path / "data", ["rigaku3M"], position, since=0.0)
    threading.Timer(4.0, stop.set).start()
    made.run(Intake(callback), stop)
    position.close()
    assert callback.detectors
    callback = Callback()
    files(tmp_path, ["rigaku3M"], callback)
    assert callback.detectors == [["rigaku3M"]]


@contextlib.contextmanager
def publishing(**options):
    """Yield the address of a socket of 0MQ that publishes a document again and again, for each prefix."""
    context = zmq.Context()
    socket, stop = context.socket(zmq.PUB), threading.Event()
    for name, value in options.items():
        setattr(socket, name, value)
    port = socket.bind_to_random_port("tcp://127.0.0.1")

    def publish():
        while not stop.wait(0.05):
            for prefix in ("", "one", "two"):
                socket.send(b" ".join([prefix.encode(), b"start", msgpack.packb({"prefix": prefix})]))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        stop.set()
        thread.join()
        context.destroy(linger=0)


def heard(seconds, *given, **options) -> set[str]:
    callback, stop = Callback(), threading.Event()
    threading.Timer(seconds, stop.set).start()
    ZmqInput(*given, **options).run(Intake(callback), stop)
    return {doc["prefix"] for _, doc in callback.documents}


def test_a_prefix_chooses_a_publisher():
    with publishing() as address:
        assert heard(1.5, address) == {"", "one", "two"}
        assert heard(1.5, address, prefix="two") == {"two"}


def test_a_proxy_that_wants_keys_is_heard_with_them_only(tmp_path):
    server, own, other = (
        [Path(each) for each in zmq.auth.create_certificates(tmp_path, name)] for name in ("s", "o", "x")
    )
    public, secret = zmq.auth.load_certificate(server[1])
    with publishing(curve_publickey=public, curve_secretkey=secret, curve_server=True) as address:
        assert heard(2.0, address, curve=Curve(own[1], server[0]))
        assert not heard(1.0, address)
        assert not heard(1.0, address, curve=Curve(own[1], other[0]))
        with pytest.raises(ValueError, match="holds no secret key"):
            ZmqInput(address, curve=Curve(own[0], server[0]))


@given(st.data())
def test_a_topic_is_read_again_from_the_start_of_the_oldest_run_under_way(data):
    runs, under_way, expected = OpenRuns(), {}, 0
    for offset in range(data.draw(st.integers(1, 40))):
        uid = data.draw(st.sampled_from("abcd"))
        name = data.draw(st.sampled_from(["start", "event", "stop"]))
        if name == "start":
            under_way[uid] = offset
        elif name == "stop":
            under_way.pop(uid, None)
        runs.took(name, {"uid": uid, "run_start": uid}, offset, 0.0)
        expected = min([offset + 1, *under_way.values()])
        assert runs.position == expected


def test_a_run_that_never_stops_does_not_hold_up_a_topic_for_ever():
    runs = OpenRuns()
    runs.took("start", {"uid": "a"}, 0, 1000.0)
    runs.passed(1, 1000.0 + SECONDS_WITHOUT_STOP - 1)
    assert runs.position == 0
    runs.passed(2, 1000.0 + SECONDS_WITHOUT_STOP + 1)
    assert runs.position == 3


def test_settings_of_kafka_are_read_and_never_told(tmp_path):
    path = tmp_path / "kafka.yml"
    path.write_text("sasl.password: tell-nobody\nsecurity.protocol: SASL_SSL\n")
    assert read_settings(path) == {"sasl.password": "tell-nobody", "security.protocol": "SASL_SSL"}
    for wrong in ("[tell-nobody]", "sasl.password: 'tell-nobody"):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=r"kafka\.yml") as raised:
            read_settings(path)
        assert "tell-nobody" not in str(raised.value)
