"""The worker, with a deliverer of a few lines instead of a catalogue."""

import subprocess
import sys
import threading
import time

import pytest

from tests.unit.test_spool import job
from xpcs_mask_bluesky.callbacks import outbox
from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.spool import Spool
from xpcs_mask_bluesky.callbacks.worker import Worker


class Deliverer:
    """Keeps what it is given; fails as it is told."""

    def __init__(self, *failures: Exception, refuses: str = "") -> None:
        self.failures, self.refuses = list(failures), refuses
        self.delivered, self.alarms, self.batches = [], [], 0

    def deliver(self, jobs) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if any(job.run_uid == self.refuses for job in jobs):
            raise ValueError("it cannot be")
        self.delivered += jobs
        self.batches += 1

    def alarm(self, job, message) -> None:
        self.alarms.append((job, message))


@pytest.fixture
def working(tmp_path):
    made = []

    def start(deliverer, kind=Worker):
        made.append(kind(deliverer, tmp_path))
        return made[-1]

    yield start
    for worker in made:
        worker.close(0)


def test_jobs_arrive_in_order(working):
    deliverer = Deliverer()
    worker = working(deliverer)
    for number in range(50):
        worker.put([job(number)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(number) for number in range(50)]


def test_while_the_catalogue_is_away_jobs_wait(working):
    deliverer = Deliverer(ConnectionError("away"), ConnectionError("still away"))
    worker = working(deliverer)
    worker.put([job(1), job(2)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(1), job(2)]
    assert worker.status()["errors"] == 0


def test_a_job_that_can_never_be_delivered_holds_up_no_other(working):
    deliverer = Deliverer(refuses="run-2")
    worker = working(deliverer)
    worker.put([job(1), job(2), job(3)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(1), job(3)]
    assert [each for each, _ in deliverer.alarms] == [job(2)]
    assert "it cannot be" in worker.status()["last_error"]


def test_an_unknown_failure_is_tried_again_then_kept_for_the_next_start(working, tmp_path):
    deliverer = Deliverer(*[RuntimeError("odd")] * 4)
    worker = working(deliverer)
    worker.put([job(1)])
    assert worker.flush(10)
    assert worker.status()["parked"] == 1
    worker.close(5)
    again = working(deliverer)
    again.start()
    assert again.flush(10)
    assert deliverer.delivered == [job(1)]


def test_putting_never_waits_for_a_deliverer_that_hangs(working):
    gate = threading.Event()
    deliverer = Deliverer()
    deliverer.deliver = lambda jobs: gate.wait(20)
    worker = working(deliverer)
    worker.put([job(0)])
    slowest = 0.0
    for number in range(1, 200):
        started = time.perf_counter()
        worker.put([job(number)])
        slowest = max(slowest, time.perf_counter() - started)
    assert not worker.flush(0.2)
    gate.set()
    assert worker.flush(10)
    assert slowest < 5  # a hang would be 20 s


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_started_again(working):
    deliverer = Deliverer()
    worker = working(deliverer)

    def die(jobs):
        del deliverer.deliver
        raise SystemExit

    deliverer.deliver = die
    worker.put([job(1)])
    end = time.monotonic() + 10
    while worker.status()["alive"] and time.monotonic() < end:
        time.sleep(0.01)
    worker.put([job(2)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(1), job(2)]
    assert worker.status()["restarts"] == 1


def test_paused_nothing_is_delivered_and_nothing_lost(working):
    deliverer = Deliverer()
    worker = working(deliverer)
    worker.pause()
    worker.put([job(1)])
    assert not worker.flush(0.5)
    assert deliverer.delivered == []
    worker.resume()
    assert worker.flush(10)
    assert deliverer.delivered == [job(1)]


def test_a_flush_waits_for_what_a_dead_process_left(working, tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tests.unit.test_spool import job;"
        "from xpcs_mask_bluesky.callbacks.spool import Spool;"
        "Spool(Path(sys.argv[1])).add([job(n) for n in range(20)]); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    deliverer = Deliverer()
    assert working(deliverer).flush(10)
    assert deliverer.delivered == [job(number) for number in range(20)]


def test_what_moves_from_memory_to_the_disk_is_never_taken_for_gone(tmp_path, monkeypatch):
    waits = outbox.Outbox(tmp_path)
    waits.keep()

    def refuse(spool, jobs):
        raise OSError("full")

    with monkeypatch.context() as full:
        full.setattr(Spool, "add_rows", refuse)
        waits.put([job(1)])
        with pytest.raises(OSError, match="full"):
            waits.keep()
        assert [each for _, each in waits.batch(10)] == [job(1)]  # from memory
    count, moving = Spool.depth, threading.Thread(target=waits.keep)

    def depth(spool):
        found = count(spool)
        moving.start()  # the disk has room again just now
        moving.join(0.3)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Spool, "depth", depth)
        assert not waits.empty
    moving.join()
    assert waits.depth() == (1, 0)
    waits.close()


def test_what_no_text_can_tell_is_given_up_and_holds_up_nothing(working):
    class Silent:
        def __str__(self):
            raise RuntimeError("not a word")

    deliverer = Deliverer()
    worker = working(deliverer)
    worker.put([job(1), job(2, provenance={"distance": Silent()}), job(3)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(1), job(3)]
    status = worker.status()
    assert (status["lost"], status["restarts"]) == (1, 0)
    assert "was given up: RuntimeError" in status["last_error"]


def test_while_neither_disk_nor_catalogue_takes_anything_the_oldest_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_IN_MEMORY", 50)
    directory = tmp_path / "spool"
    directory.write_text("a file where the directory should be")
    worker = Worker(Deliverer(*[ConnectionError("away")] * 1000), directory)
    monkeypatch.setattr(worker, "start", lambda: None)
    for number in range(120):
        worker.put([job(number)])
    status = worker.status()
    assert (status["waiting"], status["lost"]) == (50, 70)


def test_a_time_that_holds_itself_is_given_up_without_a_stack_overflow(working):
    circle = []
    circle.append(circle)
    deliverer = Deliverer()
    worker = working(deliverer)
    worker.put([job(1, provenance={"distance": {"time": circle}}), job(2)])
    assert worker.flush(10)
    assert deliverer.delivered == [job(2)]
    assert "was given up: ValueError" in worker.status()["last_error"]


def test_a_job_that_comes_between_a_look_into_the_spool_and_the_sleep_is_not_slept_through(
    working, monkeypatch
):
    monkeypatch.setattr("xpcs_mask_bluesky.callbacks.worker.SECONDS_IDLE", 60.0)
    deliverer, between = Deliverer(), threading.Event()

    class Unlucky(Worker):
        def _batch(self, now):
            found = super()._batch(now)
            if not found and not between.is_set():
                between.set()
                self.put([job(1)])
                while self._outbox.empty or self._outbox.news:  # until the other thread has kept it
                    time.sleep(0.01)
                time.sleep(0.2)  # and has said so
            return found

    worker = working(deliverer, kind=Unlucky)
    worker.start()
    assert between.wait(20)
    deadline = time.monotonic() + 20
    while not deliverer.delivered and time.monotonic() < deadline:
        time.sleep(0.02)
    assert deliverer.delivered == [job(1)]


def test_changes_that_come_together_are_told_once_and_kept_in_few_steps(working, monkeypatch):
    """Each step costs the RunEngine's thread a turn, and a change told twice costs it twice."""
    told, steps = [], []
    to_json, add_rows = Job.to_json, Spool.add_rows
    monkeypatch.setattr(Job, "to_json", lambda self: told.append(self.seq_num) or to_json(self))
    monkeypatch.setattr(Spool, "add_rows", lambda self, rows: steps.append(len(rows)) or add_rows(self, rows))
    worker = working(Deliverer())
    worker.put([job(0)])
    assert worker.flush(10)
    for number in range(1, 101):
        worker.put([job(number)])
        time.sleep(0.001)
    assert worker.flush(10)
    assert sum(steps) == 101
    assert len(told) == 101
    assert len(steps) < 30
