"""An analyst's three questions to a log of 10 000 commits, on SQLite and PostgreSQL; goal: 50 ms each.

pytest tests/benchmarks/test_lookups.py --benchmark-enable
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.system.services import execute, facility
from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe

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
COPY = (
    "INSERT INTO nodes (parent, key, structure_family, metadata, specs) "
    "SELECT parent, {}, structure_family, {}, specs FROM nodes WHERE key = '{}'"
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
            yield _filled(catalog, entries, partial(_into_sqlite, directory)), entries // 2
    else:
        with (
            facility(directory, replicas=1) as running,
            MaskCatalog.open(running.uris[0], api_key=running.key) as catalog,
        ):
            yield _filled(catalog, entries, partial(_into_postgresql, running.database)), entries // 2


def _filled(catalog: MaskCatalog, entries: int, insert: Callable[[str, list[tuple[str, str]]], None]):
    """Publish once through the server, and copy that entry in the database: by requests it takes minutes."""
    detector = catalog.create_detector("det", shape=SHAPE)
    detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
    detector.publish(RECORD, run_uid="run-0", time=0.0)
    first = detector.commits.last()

    def entry(number: int) -> tuple[str, str]:
        lineage = {**first.lineage, "run_uid": f"run-{number}", "time": float(number), "use": str(number)}
        body = {**first.body, "time": float(number)}
        copy = replace(first, seq=number, time=float(number), lineage=lineage, body=body)
        return f"{number:08d}", json.dumps(asdict(copy))

    insert(f"{first.seq:08d}", [entry(number) for number in range(first.seq + 1, entries + 1)])
    assert detector.commits.head() == entries
    return detector


def _into_sqlite(directory: Path, first: str, entries: list[tuple[str, str]]) -> None:
    with closing(sqlite3.connect(directory / "catalog.db")) as database, database:
        database.executemany(COPY.format("?", "?", first), entries)


def _into_postgresql(address: str, first: str, entries: list[tuple[str, str]]) -> None:
    execute(COPY.format("$1", "$2::jsonb", first), address, entries)


@pytest.mark.parametrize("question", QUESTIONS)
def test_lookup_in_a_long_log(benchmark, filled, question):
    detector, middle = filled
    benchmark.group = question
    ask = QUESTIONS[question]
    use = benchmark.pedantic(ask, args=(detector, middle), rounds=30, warmup_rounds=3)
    assert use.time == (detector.commits.head() if question == "latest" else middle)
