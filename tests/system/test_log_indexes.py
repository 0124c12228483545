"""A log entry is found by an index of the database, and the same ones are found as without."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from tiled.catalog import from_uri, orm
from tiled.queries import Comparison, Eq, In

from tests.system.services import facility
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server import queries
from xpcs_mask_bluesky.store.log import Draft

ENTRIES = 60
KINDS = ("run use", "partition", "geometry")


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def long_log(request, tmp_path_factory) -> Iterator[tuple[Any, str]]:
    """A log, and the address of its database."""
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "SQLite":
        with MaskCatalog.open(directory) as catalog:
            yield _filled(catalog), str(directory / "catalog.db")
    else:
        with (
            facility(directory, replicas=1) as running,
            MaskCatalog.open(running.uris[0], api_key=running.key) as catalog,
        ):
            yield _filled(catalog), running.database


def _filled(catalog: MaskCatalog) -> Any:
    log = catalog.create_detector("det", shape=(4, 5)).commits
    for number in range(ENTRIES):
        run = f"run-{number // 3}"
        lineage = {"run_uid": run, "name": f"n{number % 2}", "time": number / 2, "use": f"use-{number}"}
        log.append(Draft(kind=KINDS[number % 3], lineage=lineage), since=number)
    return log


QUESTIONS: dict[str, tuple[list[Any], Callable[[Any], bool]]] = {
    "of a run": ([Eq("lineage.run_uid", "run-7")], lambda each: each["lineage"]["run_uid"] == "run-7"),
    "of no run": ([Eq("lineage.run_uid", "run")], lambda each: False),
    "a use": ([Eq("lineage.use", "use-41")], lambda each: each["lineage"]["use"] == "use-41"),
    "without such a field": ([Eq("lineage.alarm", "a")], lambda each: False),
    "of a kind and name": (
        [Eq("kind", "run use"), Eq("lineage.name", "n1")],
        lambda each: each["kind"] == "run use" and each["lineage"]["name"] == "n1",
    ),
    "by a time": (
        [Eq("kind", "partition"), Eq("lineage.name", "n0"), Comparison("le", "lineage.time", 14.0)],
        lambda each: (
            (each["kind"], each["lineage"]["name"]) == ("partition", "n0") and each["lineage"]["time"] <= 14
        ),
    ),
    "by a whole number": ([Comparison("lt", "lineage.time", 3)], lambda each: each["lineage"]["time"] < 3),
    "after an entry": ([Comparison("gt", "seq", 50)], lambda each: each["seq"] > 50),
    "from an entry": ([Comparison("ge", "seq", 50)], lambda each: each["seq"] >= 50),
    "an entry": ([Eq("seq", 33)], lambda each: each["seq"] == 33),
    "after an entry, of two kinds": (
        [Comparison("gt", "seq", 50), In("kind", ["geometry", "partition"])],
        lambda each: each["seq"] > 50 and each["kind"] != "run use",
    ),
    "of a kind that is a number": ([Eq("kind", 5)], lambda each: False),
    "whose number is a text": ([Eq("seq", "33")], lambda each: False),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_the_index_finds_is_what_the_entries_say(long_log, question):
    log, _ = long_log
    asked, right = QUESTIONS[question]
    expected = [entry.seq for entry in log.after(0) if right(asdict(entry))]
    assert [entry.seq for entry in log.read(*asked)] == expected
    newest = log.last(*asked)
    assert (newest.seq if newest else None) == (expected[-1] if expected else None)


def test_all_pages_of_a_long_answer_are_read(long_log, monkeypatch):
    monkeypatch.setattr("xpcs_mask_bluesky.store.log.PAGE", 7)
    log, _ = long_log
    assert [entry.seq for entry in log.after(0)] == list(range(1, ENTRIES + 1))
    assert [entry.seq for entry in log.after(3, ["geometry"])] == list(range(6, ENTRIES + 1, 3))


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("of a run", "xpcs_mask_run_uid"),
        ("a use", "xpcs_mask_use"),
        ("of a kind and name", "xpcs_mask_newest"),
        ("by a time", "xpcs_mask_newest"),
        ("after an entry", "xpcs_mask_seq"),
    ],
)
def test_a_question_is_answered_from_an_index_made_for_it(long_log, question, index):
    _, database = long_log
    (first, *_) = asked = QUESTIONS[question][0]
    if "://" in database and first.key in queries.RARE:
        tree = queries.equal(first, from_uri(database))
        assert " @> " in str(tree.conditions[0])  # Tiled's own index of all metadata
    else:
        assert index in _plan(database, asked)


def _plan(database: str, asked: list[Any]) -> str:
    """Return how the database would answer what the server asks it for the newest entry."""
    tree = from_uri(database)
    for query in asked:
        translated = queries.equal if isinstance(query, Eq) else queries.compared
        tree = translated(query, tree)
    statement = tree.apply_conditions(select(orm.Node).where(orm.Node.parent == 6))
    statement = statement.order_by(orm.Node.id.desc()).limit(2)
    if "://" not in database:
        text = _text(statement, sqlite.dialect())
        with closing(sqlite3.connect(database)) as connection:
            return str(connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall())
    return asyncio.run(_explained(database, _text(statement, postgresql.dialect())))


def _text(statement: Any, dialect: Any) -> str:
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


async def _explained(database: str, text: str) -> str:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("SET enable_seqscan = off; ANALYZE nodes")  # sixty rows are read at once
        return str(await connection.fetch(f"EXPLAIN {text}"))
    finally:
        await connection.close()
