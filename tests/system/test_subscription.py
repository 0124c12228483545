"""A correlator is told of each partition: in its own process, and across a server that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.system.serving_checks import SHAPE, geometry
from tests.system.test_callback import server_process, wait_for
from xpcs_mask_bluesky import MaskCatalog, PartitionRecipe

RECIPE = PartitionRecipe(axes=("q", "phi"), dynamic=(4, 2), static=(16, 4))
CORRELATOR = """
import sys, threading
from xpcs_mask_bluesky import MaskCatalog
detector = MaskCatalog.open(sys.argv[1])["eiger4M"]
done = threading.Event()
def told(use):
    print(use.run_uid, use.path, use.digest, flush=True)
    if use.run_uid == "the last one":
        done.set()
with detector.subscribe(told):
    print("listening", flush=True)
    done.wait(120)
"""


@pytest.fixture
def detector(catalog):
    detector = catalog.create_detector("eiger4M", shape=SHAPE)
    detector.set_recipe(RECIPE)
    return detector


def test_each_new_partition_is_told_once_with_run_path_and_digest(detector, catalog):
    detector.publish(geometry(4.0), run_uid="before")
    told = []
    with detector.subscribe(told.append) as subscription:
        published = [detector.publish(geometry(5.0 + n), run_uid=f"r{n}") for n in range(3)]
        assert wait_for(lambda: len(told) == 3)
        assert wait_for(lambda: subscription.revision == published[-1].revision)
    assert [use.run_uid for use in told] == ["r0", "r1", "r2"]
    for use, expected in zip(told, published, strict=True):
        assert use.digest == expected.digest
        assert use.path == f"{catalog.path}/eiger4M/partitions/{use.digest}"
        assert catalog.client[use.path].metadata["digest"] == use.digest
        assert use.partition.read().digest == use.digest
    assert not subscription.alive


def test_a_correlator_goes_on_where_it_ended(detector):
    first = detector.publish(geometry(4.0), run_uid="seen")
    detector.publish(geometry(5.0), run_uid="while away")
    told = []
    with detector.subscribe(told.append, since=first.revision):
        detector.publish(geometry(6.0), run_uid="now")
        assert wait_for(lambda: len(told) == 2)
    assert [use.run_uid for use in told] == ["while away", "now"]


def test_only_the_named_recipe_is_told(detector):
    detector.set_recipe(PartitionRecipe(dynamic=(2, 1), static=(4, 1)), name="peak-111")
    told = []
    with detector.subscribe(told.append, name="peak-111"):
        detector.publish(geometry(), run_uid="r1")
        detector.publish(geometry(), run_uid="r1", name="peak-111")
        assert wait_for(lambda: told)
    assert [use.name for use in told] == ["peak-111"]


def test_a_function_that_fails_is_logged_and_told_of_the_next(detector, caplog):
    told = []

    def fail_first(use):
        told.append(use.run_uid)
        if len(told) == 1:
            raise RuntimeError("no beam time left")

    with detector.subscribe(fail_first):
        for uid in ("r1", "r2"):
            detector.publish(geometry(), run_uid=uid)
        assert wait_for(lambda: len(told) >= 2)
    assert told == ["r1", "r2"]
    assert "no beam time left" in caplog.text


def test_another_process_misses_nothing_while_the_server_is_killed_and_comes_back(tmp_path):
    with MaskCatalog.open(tmp_path) as catalog:
        detector = catalog.create_detector("eiger4M", shape=SHAPE)
        detector.set_recipe(RECIPE)
        command = [sys.executable, "-c", CORRELATOR, str(tmp_path)]
        correlator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        lines, listening = [], threading.Event()

        def listen():
            for line in correlator.stdout:
                lines.append(line.split(" xpcs/"))
                listening.set()

        reader = threading.Thread(target=listen, daemon=True)
        reader.start()
        assert listening.wait(60)
        first = detector.publish(geometry(4.0), run_uid="with a stream")
        assert wait_for(lambda: len(lines) == 2)
        os.kill(server_process(tmp_path), signal.SIGKILL)
        uses = [first]
        for number, uid in enumerate(["while it was away", "and again", "the last one"]):
            uses.append(detector.publish(geometry(5.0 + number), run_uid=uid))  # brings the server back
        assert correlator.wait(60) == 0
        reader.join(10)
    assert lines[1:] == [[use.run_uid, f"eiger4M/partitions/{use.digest} {use.digest}\n"] for use in uses]
