"""Replay on two workers of one thread against one such worker: the computation, and the whole; 4M.

pytest tests/benchmarks/test_replay.py --benchmark-enable   # with XPCS_MASK_REPLAY_RUNS=1000 in full
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.table import Line
from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionRecipe, WatchList
from xpcs_mask_bluesky.replay.computing import Computing, computing
from xpcs_mask_bluesky.replay.replayer import Replay
from xpcs_mask_bluesky.replay.selection import Selection
from xpcs_mask_bluesky.replay.work import work

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
    constants = {
        "incident_energy": (10.0, "keV"),
        "beam_center_x": (shape[1] / 2, "px"),
        "beam_center_y": (shape[0] / 2, "px"),
        "x_pixel_size": (75e-6, "m"),
        "y_pixel_size": (75e-6, "m"),
    }
    fields: dict[str, tuple] = {
        name: ({"where": "const", "value": value, "unit": unit},) for name, (value, unit) in constants.items()
    }
    fields["shape"] = ({"where": "const", "value": shape},)
    fields["distance"] = ({"where": "event", "key": "distance", "unit": "mm"},)
    source = GeometrySource.model_validate({"detector": "eiger4M", "fields": fields})
    recipe = PartitionRecipe(dynamic=(27, 1), static=(270, 36) if shape == EIGER else (27, 4))
    return WatchList.model_validate({"entries": [{"source": source, "recipe": recipe}]})


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("served")
    with MaskCatalog.open(directory):
        yield directory


def opened(directory: Path, path: str, shape: tuple[int, int]) -> MaskCatalog:
    catalog = MaskCatalog.open(directory, path=path)
    catalog.create_detector("eiger4M", shape=shape)
    return catalog


def computed(place: Computing, replay: Replay, runs: MadeUpRuns, number: int) -> float:
    """Return the seconds in which so many runs are computed and have come back, packed; commits aside."""
    watches = place.share(replay.watches())
    waiting: deque = deque()
    came = 0
    began = time.perf_counter()
    for uid in runs.find(Selection(every=True))[:number]:
        waiting.append(place.submit(work, watches, uid, runs.documents(uid)))
        while len(waiting) > 2 * place.at_once + 2:
            came += len(place.result(waiting.popleft()).packed)
    came += sum(len(place.result(each).packed) for each in waiting)
    assert came == number
    return time.perf_counter() - began


def whole(place: Computing, replay: Replay) -> tuple[float, list[str]]:
    """Return the seconds of a replay, and the digests of its partitions."""
    began = time.perf_counter()
    outcomes = list(replay.outcomes(place))
    assert all(each.published == 1 for each in outcomes), outcomes
    return time.perf_counter() - began, [each.uses[0].digest for each in outcomes]


def test_two_workers_against_one(timed, report, directory):
    shape, number = (EIGER, RUNS) if timed else (SMALL, 6)
    runs, watched = MadeUpRuns(number), watch_list(shape)
    seconds: dict[int, tuple[float, float]] = {}
    made: dict[int, list[str]] = {}
    for workers in (1, 2):
        with opened(directory, f"xpcs-{workers}", shape) as catalog, computing(workers) as place:
            replay = Replay(catalog, watched, runs, Selection(every=True))
            computed(place, replay, runs, min(number, WARM * workers))
            computing_took = computed(place, replay, runs, number)
            took, made[workers] = whole(place, replay)
            seconds[workers] = computing_took, took
    with opened(directory, "xpcs-0", shape) as catalog, computing() as place:
        replay = Replay(catalog, watched, MadeUpRuns(min(number, 20)), Selection(every=True))
        _, serially = whole(place, replay)
    assert made[1] == made[2]
    assert made[1][: len(serially)] == serially
    if not timed:
        return
    for name, which, goal in (("computation", 0, "≥ 1.7×"), ("whole, with reading and commits", 1, "")):
        one, two = (seconds[workers][which] for workers in (1, 2))
        report(
            Line(
                work=f"replay of {number} runs, 4M, {name}: a run on two workers",
                ours=two / number,
                peer=one / number,
                peer_name="one worker",
                goal=goal,
            )
        )
