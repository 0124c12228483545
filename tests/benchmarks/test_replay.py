"""Replay on two workers of one thread against one such worker: the computation, and the whole; 4M.

pytest tests/benchmarks/test_replay.py --benchmark-enable   # with XPCS_MASK_REPLAY_RUNS=1000 in full
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.benchmarks.documents import recipe, source
from tests.benchmarks.table import Line
from xpcs_mask_bluesky import MaskCatalog, PartitionRecipe, WatchList
from xpcs_mask_bluesky.replay.computing import Computing, computing
from xpcs_mask_bluesky.replay.replayer import Replay
from xpcs_mask_bluesky.replay.selection import Selection
from xpcs_mask_bluesky.replay.work import Watch, work
from xpcs_mask_bluesky.store.inputs import Inputs, StoredArrays
from xpcs_mask_bluesky.store.state import State

pytestmark = pytest.mark.timeout(3600)
EIGER, SMALL = (2162, 2068), (64, 62)
RUNS = int(os.environ.get("XPCS_MASK_REPLAY_RUNS", "24"))
WARM = 4
"""Runs of each worker that compile and are not counted."""


class MadeUpRuns:
    """Runs as documents in memory, each with a geometry of its own."""

    name = "made up"

    def __init__(self, number: int) -> None:
        self.number = number

    def find(self, selection: Selection) -> list[str]:
        return [f"run-{number:04d}" for number in range(self.number)]

    def documents(self, uid: str) -> bytes:
        number = int(uid[4:])
        descriptor = {
            "uid": f"d-{uid}",
            "run_start": uid,
            "name": "primary",
            "time": number + 0.1,
            "data_keys": {"distance": {"source": "SIM", "dtype": "number", "shape": [], "units": "mm"}},
        }
        event = {
            "uid": f"e-{uid}",
            "descriptor": f"d-{uid}",
            "seq_num": 1,
            "time": number + 0.2,
            "data": {"distance": 5000.0 + number},
            "timestamps": {"distance": number + 0.2},
        }
        told = [
            ("start", {"uid": uid, "time": float(number), "detectors": ["eiger4M"]}),
            ("descriptor", descriptor),
            ("event", event),
            ("stop", {"uid": f"s-{uid}", "run_start": uid, "time": number + 0.3, "exit_status": "success"}),
        ]
        return "\n".join(json.dumps({"name": name, "doc": doc}) for name, doc in told).encode()


def watch_list(shape: tuple[int, int]) -> WatchList:
    made = {"source": source(shape), "recipe": recipe(timed=shape == EIGER)}
    return WatchList.model_validate({"entries": [made]})


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("served")
    with MaskCatalog.open(directory):
        yield directory


def opened(directory: Path, path: str, shape: tuple[int, int]) -> MaskCatalog:
    catalog = MaskCatalog.open(directory, path=path)
    catalog.create_detector("eiger4M", shape=shape)
    return catalog


def inputs_of(shape: tuple[int, int], recipe: PartitionRecipe) -> Inputs:
    """Return what a catalogue with this recipe and no mask tells; without a server beside the workers."""
    state = State(recipes={"default": recipe.model_dump(mode="json")})
    return Inputs(shape=shape, name="default", state=state, blobs=StoredArrays({}))


def computed(place: Computing, watches: list[Watch], runs: MadeUpRuns) -> tuple[float, list[str]]:
    """Return the seconds in which runs are computed and have come back, packed; and the digests."""
    shared = place.share(watches)
    waiting: deque = deque()
    came: list[str] = []

    def take() -> None:
        came.extend(packed.digest for _, packed in place.result(waiting.popleft()).packed)

    began = time.perf_counter()
    for uid in runs.find(Selection(every=True)):
        waiting.append(place.submit(work, shared, uid, runs.documents(uid)))
        while len(waiting) > 2 * place.at_once + 2:
            take()
    while waiting:
        take()
    assert len(came) == runs.number
    return time.perf_counter() - began, came


def whole(place: Computing, replay: Replay) -> tuple[float, list[str]]:
    """Return the seconds of a replay, and the digests of its partitions."""
    began = time.perf_counter()
    outcomes = list(replay.outcomes(place))
    assert all(each.published == 1 for each in outcomes), outcomes
    return time.perf_counter() - began, [each.uses[0].digest for each in outcomes]


def told(report, work: str, seconds: dict[int, float], number: int, goal: str = "") -> None:
    one, two = seconds[1] / number, seconds[2] / number
    said = f"replay of {number} runs, 4M, {work}: a run on two workers of one thread"
    report(Line(work=said, ours=two, peer=one, peer_name="one worker", goal=goal))


def test_computing_on_two_workers_against_one(timed, report):
    shape, number = (EIGER, RUNS) if timed else (SMALL, 4)
    (entry,) = watch_list(shape).entries
    assert entry.recipe is not None
    watches = [Watch(source=entry.source, name="default", inputs=inputs_of(shape, entry.recipe))]
    seconds, digests = {}, {}
    with ExitStack() as running:
        places = {workers: running.enter_context(computing(workers)) for workers in (1, 2)}
        for workers, place in places.items():
            computed(place, watches, MadeUpRuns(WARM * workers))
        for workers, place in places.items():  # one after the other: the other one's workers rest
            seconds[workers], digests[workers] = computed(place, watches, MadeUpRuns(number))
    with computing() as here:
        _, serially = computed(here, watches, MadeUpRuns(min(number, WARM)))
    assert digests[1] == digests[2]
    assert digests[1][: len(serially)] == serially
    if timed:
        told(report, "computation", seconds, number, "≥ 1.7×")


def test_the_whole_on_two_workers_against_one(timed, report, directory):
    shape, number = (EIGER, RUNS) if timed else (SMALL, 4)
    seconds, digests = {}, {}
    for workers in (1, 2):
        path = f"xpcs-{workers}"
        with opened(directory, path, shape) as catalog, computing(workers) as place:
            runs = MadeUpRuns(number)
            replay = Replay(catalog, watch_list(shape), runs, Selection(every=True))
            computed(place, replay.watches(), MadeUpRuns(WARM * workers))
            seconds[workers], digests[workers] = whole(place, replay)
    assert digests[1] == digests[2]
    if timed:
        told(report, "with commits", seconds, number)
