"""An analyst's three questions to a log of 10 000 commits, on SQLite and PostgreSQL; goal: 50 ms each.

pytest tests/benchmarks/test_lookups.py --benchmark-enable   # filling the logs takes minutes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from tiled.structures.core import Spec

from tests.system.services import facility
from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.store.layout import COMMIT_SPEC, create

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.0,
    beam_center_y=22.0,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=SHAPE,
)
QUESTIONS = {
    "latest": lambda detector, middle: detector.partition(),
    "at a time": lambda detector, middle: detector.partition(at=datetime.fromtimestamp(middle, UTC)),
    "for a run": lambda detector, middle: detector.partition(run=f"run-{middle}"),
}


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def filled(request, tmp_path_factory) -> Iterator[tuple]:
    """A detector whose log is long, and the number of an entry in its middle."""
    entries = 10_000 if request.config.getoption("benchmark_enable") else 100
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "SQLite":
        with MaskCatalog.open(directory) as catalog:
            yield _filled(catalog, entries), entries // 2
    else:
        with facility(directory, replicas=1) as running:
            catalog = MaskCatalog.open(running.uris[0], api_key=running.key)
            yield _filled(catalog, entries), entries // 2


def _filled(catalog: MaskCatalog, entries: int):
    detector = catalog.create_detector("det", shape=SHAPE)
    detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
    detector.publish(RECORD, run_uid="run-0", time=0.0)
    first, log = detector.commits.last(), detector["log"]
    specs = [Spec(COMMIT_SPEC, version=str(first.schema))]

    def write(number: int) -> None:
        lineage = {**first.lineage, "run_uid": f"run-{number}", "time": float(number), "use": str(number)}
        body = {**first.body, "time": float(number)}
        entry = replace(first, seq=number, time=float(number), lineage=lineage, body=body)
        create(log, f"{number:08d}", metadata=asdict(entry), specs=specs)

    for number in range(first.seq + 1, entries + 1):  # in order, as commits are
        write(number)
    assert detector.commits.head() == entries
    return detector


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("question", QUESTIONS)
def test_lookup_in_a_long_log(benchmark, filled, question):
    detector, middle = filled
    benchmark.group = question
    ask = QUESTIONS[question]
    use = benchmark.pedantic(ask, args=(detector, middle), rounds=30, warmup_rounds=3)
    assert use.time == (detector.commits.head() if question == "latest" else middle)
