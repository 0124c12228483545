"""Runs and recipes as a person types them: the beginning of a uid, a name that is not there."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tests.system.serving_checks import SHAPE, geometry
from xpcs_mask_bluesky import AmbiguousPartition, PartitionRecipe
from xpcs_mask_bluesky.cli import app

FIRST, SECOND = "3f9a12c7-8e51-4c2a-9d0e-55d1f7a90b1c", "3f9a12d0-8e51-4c2a-9d0e-55d1f7a90b1c"


@pytest.fixture
def eiger(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.set_recipe(PartitionRecipe(dynamic=(4, 1), static=(8, 2)))
    eiger.publish(geometry(), run_uid=FIRST, time=1.0)
    eiger.edit("me").pixels([(3, 3)])
    eiger.publish(geometry(), run_uid=SECOND, time=2.0)
    return eiger


@pytest.mark.parametrize("typed", [FIRST[:7], FIRST[:8], FIRST[:-1], FIRST])
def test_the_beginning_of_a_uid_is_the_run(eiger, typed):
    use = eiger.partition(run=typed)
    assert use.run_uid == FIRST
    assert [each.run_uid for each in eiger.partitions(typed)] == [FIRST]
    assert eiger.mask(run=typed) == eiger.mask(revision=use.mask_revision)
    assert eiger.diff(typed, SECOND).lost.sum() == 1


def test_republishing_by_the_beginning_of_a_uid_is_of_that_run(eiger):
    assert {each.run_uid for each in eiger.republish(FIRST[:8])} == {FIRST}
    assert eiger.partition(run=FIRST).digest == eiger.partition(run=SECOND).digest


def test_a_beginning_of_several_runs_is_refused_with_their_uids(eiger):
    with pytest.raises(AmbiguousPartition, match="2 runs begin with '3f9a12'; type more") as caught:
        eiger.partition(run=FIRST[:6])
    assert set(caught.value.choices) == {FIRST, SECOND}


@pytest.mark.parametrize("typed", [FIRST[:5], "%" * 8, "_" * 36, "3f9a12c8", ""])
def test_what_is_too_short_or_begins_no_run_is_no_run(eiger, typed):
    with pytest.raises(LookupError, match="knows no run"):
        eiger.partition(run=typed)


@pytest.mark.parametrize("asked", [{}, {"run": FIRST}])
def test_a_recipe_that_is_not_there_is_answered_with_those_that_are(eiger, asked):
    eiger.set_recipe(PartitionRecipe(dynamic=(2, 1), static=(4, 1)), name="peak")
    with pytest.raises(LookupError, match="'peek'; recipes here are default, peak"):
        eiger.partition(name="peek", **asked)


def test_commands_take_the_beginning_of_a_uid(eiger, catalog, server_directory, tmp_path):
    def told(*words):
        where = ["--catalog", str(server_directory), "--path", catalog.path, "--json"]
        done = CliRunner().invoke(app, [*map(str, words), *where])
        assert done.exit_code in {0, 3}, done.stderr
        return json.loads(done.stdout)

    typed, path = FIRST[:8], tmp_path / "q.hdf"
    assert told("check", typed)["run"] == FIRST
    assert told("export", "partition", "--run", typed, "-o", path)["run"] == FIRST
    assert told("show", "--run", typed)["partition"]["run"] == FIRST
    assert told("report", "--run", typed, "-o", tmp_path / "r.png")["run"] == FIRST
    assert told("diff", typed, SECOND)["lost"] == 1
