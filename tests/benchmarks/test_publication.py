"""How soon a partition is there for others, and what the callback takes of its process' memory and start.

pytest tests/benchmarks/test_publication.py --benchmark-enable
"""

from __future__ import annotations

import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.documents import Beamline, recipe, source
from tests.benchmarks.table import Line, median
from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionCallback

pytestmark = pytest.mark.timeout(900)
EIGER, SMALL = (2162, 2068), (64, 62)
PROCESSES = Path(__file__).parent / "processes"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Iterator[Path]:
    """Where a server in a process of its own keeps a catalogue."""
    directory = tmp_path_factory.mktemp("served")
    with MaskCatalog.open(directory):
        yield directory


def python(*arguments: object, **how) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, **how)


class Reader:
    """Another client in a process of its own, which reads all that is published."""

    def __init__(self, directory: Path, path: str) -> None:
        self._process = python(PROCESSES / "reader.py", directory, path, stdin=subprocess.PIPE)
        self._lines: queue.Queue[dict] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.next()["ready"]

    def _listen(self) -> None:
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def next(self) -> dict:
        return self._lines.get(timeout=120)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)


def test_document_to_the_labels_that_another_client_reads(timed, report, directory, tmp_path):
    shape, rounds = (EIGER, 15) if timed else (SMALL, 2)
    with MaskCatalog.open(directory, path="published") as catalog:
        catalog.create_detector("eiger4M", shape=shape)
        reader = Reader(directory, "published")
        callback = PartitionCallback(catalog, spool=tmp_path / "spool", console=lambda line: None)
        callback.watch("eiger4M", source=source(shape), recipe=recipe(timed=timed))
        beamline, found, read = Beamline(callback), [], []
        for number in range(rounds + 2):
            told = time.time()
            event = beamline.distance(5000.0 + number)
            line = reader.next()
            assert (line["run"], line["event"]) == (beamline.uid, event)
            assert line["labels"] > 20
            found.append(line["found"] - told)
            read.append(line["read"] - told)
            if timed:
                time.sleep(1.0)  # after quiet, as between the points of a scan
        callback.close()
        reader.close()
    if timed:
        work = "geometry document → {}, 4M"
        report(
            Line(work=work.format("partition that another client finds"), ours=statistics.median(found[2:]))
        )
        report(
            Line(
                work=work.format("labels that another client has read and verified"),
                ours=statistics.median(read[2:]),
                goal="≤ 200 ms",
            )
        )


@pytest.mark.parametrize(
    ("shared", "goal"), [(True, "124 ms measured before"), (False, "≤ 450 ms")], ids=["file", "arrays"]
)
def test_publication_alone(timed, report, directory, shared, goal):
    """From a partition that is made to the entry that links it: no document, no labels computed."""
    shape = EIGER if timed else SMALL
    with MaskCatalog.open(directory, path=f"alone-{shared}") as catalog:
        detector = catalog.create_detector("eiger4M", shape=shape)
        detector.set_recipe(recipe(timed=timed))
        if not shared:
            detector.share_directory(None)
        parts = iter([computed(detector, shape, number) for number in range(11 if timed else 2)])

        def stored(number: int) -> None:
            detector.stored.put(next(parts))

        if not timed:
            stored(0)
            return
        how = "one file registered" if shared else "arrays without a shared file system"
        report(Line(work=f"a finished partition stored, {how}, 4M", ours=median(stored, 9), goal=goal))


def computed(detector, shape: tuple[int, int], number: int):
    from xpcs_mask_bluesky.store.publish import compute

    record = GeometryRecord(
        incident_energy=10.0,
        distance=6.0 + 1e-3 * number,
        beam_center_x=shape[1] / 2,
        beam_center_y=shape[0] / 2,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )
    return compute(detector, detector.state.latest(), record, "default")


def test_memory_of_the_callbacks_process(timed, report, directory):
    shape, rounds = (EIGER, 60) if timed else (SMALL, 3)
    process = python(PROCESSES / "callback_memory.py", directory, *shape, rounds, stderr=subprocess.PIPE)
    printed, complained = process.communicate(timeout=600)
    assert process.returncode == 0, complained
    told = json.loads(printed)
    assert len(told["resident"]) == rounds
    if timed:
        middle, end = (statistics.median(told["resident"][at - 10 : at]) for at in (rounds // 2, rounds))
        work = "memory of the callback's process, 4M, {}"
        for what, bytes_, goal in (
            (f"after {rounds} geometries", end, "≤ 600 MB"),
            ("at its highest", told["highest"], "≤ 600 MB"),
            (f"growth in the last {rounds // 2}", end - middle, "flat"),
        ):
            report(Line(work=work.format(what), ours=bytes_ / 1e6, unit="MB", goal=goal))


BARE = "from bluesky import RunEngine; RE = RunEngine({}, context_managers=[])"
LINES = """
from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe
catalog = MaskCatalog.open(DIRECTORY)
callback = PartitionCallback(catalog).watch(
    "eiger4M", source=GeometrySource.preset("ophyd-eiger", detector="eiger4M"),
    recipe=PartitionRecipe(dynamic=(27, 1), static=(270, 36)))
RE.subscribe(callback)
"""


def test_start_of_a_profile(timed, report, directory):
    """From a fresh process to the prompt, beside a server that runs; what a profile has anyway is off."""

    def seconds(lines: str) -> float:
        script = f"import os\n{BARE}\n{lines.replace('DIRECTORY', repr(str(directory)))}\nos._exit(0)"
        begun = time.perf_counter()
        assert python("-c", script).wait(120) == 0
        return time.perf_counter() - begun

    rounds = 7 if timed else 1
    bare, ours = zip(*[(seconds(""), seconds(LINES)) for _ in range(rounds)], strict=True)
    if timed:
        added = statistics.median(ours) - statistics.median(bare)
        report(Line(work="start of a profile: added by our lines", ours=added, goal="≤ 1 s"))
