"""A log entry is found by an index of the database, and the same ones are found as without."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest
from sqlalchemy import select, text
from tiled.catalog import from_uri, orm
from tiled.catalog.explain import record_explanations
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
        past = {"past": True} if number % 10 == 0 else {}
        lineage = {
            **past,
            "run_uid": run,
            "name": f"n{number % 2}",
            "time": number / 2,
            "use": f"use-{number}",
        }
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
    "of the past": (
        [Eq("kind", "run use"), Eq("lineage.name", "n0"), Eq("lineage.past", True)],
        lambda each: each["kind"] == "run use" and each["lineage"].get("past") is True,
    ),
    "not of the past, said otherwise": ([Eq("lineage.past", "True")], lambda each: False),
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


def test_the_newest_by_time_is_the_last_of_those_measured_last(long_log):
    log, _ = long_log
    # on SQLite Tiled sorts numbers as text, which is right for those of as many digits, as seconds are
    asked = [Comparison("ge", "lineage.time", 10.0), Comparison("le", "lineage.time", 20.0)]
    newest = log.last(Eq("kind", "run use"), *asked, by="lineage.time")
    expected = [each for each in log.after(0) if each.kind == "run use" and 10 <= each.lineage["time"] <= 20]
    assert newest == max(expected, key=lambda each: (each.lineage["time"], each.seq))


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
        ("of the past", "xpcs_mask_past"),
        ("after an entry", "xpcs_mask_seq"),
    ],
)
def test_a_question_is_answered_from_an_index_made_for_it(long_log, question, index):
    _, database = long_log
    (first, *_) = asked = QUESTIONS[question][0]
    if "://" in database and first.key in queries.RARE:
        tree = queries.equal(first, from_uri(database))
        assert " @> " in str(tree.conditions[0])  # Tiled's own index of all metadata
    elif "://" not in database or index == "xpcs_mask_newest":  # of sixty numbers PostgreSQL may take any way
        assert index in _plan(database, asked)


def _plan(database: str, asked: list[Any]) -> str:
    """Return how the database answers what the server asks it for the newest entry."""
    tree = from_uri(database)
    for query in asked:
        translated = queries.equal if isinstance(query, Eq) else queries.compared
        tree = translated(query, tree)
    statement = tree.apply_conditions(select(orm.Node).where(orm.Node.parent == 6))
    by_time = any(query.key == queries.FLAG for query in asked)
    order = orm.Node.metadata_[("lineage", "time")] if by_time else orm.Node.id
    return asyncio.run(_explained(tree.context, statement.order_by(order.desc()).limit(2)))


async def _explained(context: Any, statement: Any) -> str:
    async with context.session() as session:
        if context.engine.dialect.name == "postgresql":
            await session.execute(text("SET enable_seqscan = off"))  # sixty rows are read at once
            await session.execute(text("ANALYZE nodes"))
        with record_explanations() as plans:
            await session.execute(statement)
    await context.engine.dispose()
    return str(plans)
