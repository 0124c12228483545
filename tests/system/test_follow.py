"""Following a log: nothing is left out, whatever happens to the server."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.system.test_callback import server_process, wait_for
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.store.follow import Follower


def follow(detector, took, **kwargs) -> Follower:
    return Follower(detector.commits, took, stream=detector["log"], **kwargs).start()


@pytest.fixture
def detector(catalog):
    return catalog.create_detector("det", shape=(16, 16))


def test_each_entry_comes_once_and_in_order(detector):
    edit = detector.edit(author="before")
    edit.pixels([(0, 0)])
    seen = []
    follower = follow(detector, lambda entries: seen.extend(each.seq for each in entries), since=1)
    for number in range(5):
        edit.pixels([(number, 1)])
    assert wait_for(lambda: len(seen) >= 5)
    follower.close()
    assert seen == [2, 3, 4, 5, 6]
    assert not follower.alive


def test_entries_come_although_the_stream_is_never_there(detector):
    seen = []
    follower = Follower(detector.commits, seen.extend, since=0).start()
    detector.edit(author="test").pixels([(1, 1)])
    assert wait_for(lambda: len(seen) == 1)
    follower.close()


def test_the_stream_wakes_a_follower_that_would_not_look_by_itself(detector, monkeypatch):
    monkeypatch.setattr("xpcs_mask_bluesky.store.follow.SECONDS_BETWEEN_LOOKS", 600.0)
    seen = []
    follower = follow(detector, seen.extend, since=0)
    assert wait_for(lambda: follower._stream is not None and follower._stream._connected_event.is_set())
    detector.edit(author="test").pixels([(1, 1)])
    assert wait_for(lambda: len(seen) == 1)
    follower.close()


def test_entries_that_could_not_be_taken_come_again(detector):
    tries = []

    def took(entries):
        tries.append([each.seq for each in entries])
        if len(tries) == 1:
            raise RuntimeError("not now")

    detector.edit(author="test").pixels([(1, 1)])
    follower = follow(detector, took, since=0)
    assert wait_for(lambda: len(tries) == 2)
    follower.close()
    assert tries == [[1], [1]]


def test_other_kinds_are_passed_over_and_not_looked_at_again(detector):
    seen = []
    follower = follow(detector, seen.extend, since=0, kinds=["blemish"])
    detector.edit(author="test").pixels([(1, 1)])
    assert wait_for(lambda: follower.seq == 1)
    detector.edit(author="test", layer="blemish").pixels([(1, 1)])
    assert wait_for(lambda: [each.kind for each in seen] == ["blemish"])
    follower.close()


def test_entries_of_a_server_that_was_killed_and_came_back_are_followed(tmp_path: Path):
    with MaskCatalog.open(tmp_path) as catalog:
        detector = catalog.create_detector("det", shape=(16, 16))
        seen, arrived = [], threading.Event()
        follower = follow(detector, lambda entries: (seen.extend(entries), arrived.set()), since=0)
        detector.edit(author="test").pixels([(1, 1)])
        assert arrived.wait(20)
        os.kill(server_process(tmp_path), signal.SIGKILL)
        time.sleep(0.2)
        detector.edit(author="test").pixels([(2, 2)])  # its client brings the server back
        assert wait_for(lambda: [each.seq for each in seen] == [1, 2], 30)
        follower.close()
