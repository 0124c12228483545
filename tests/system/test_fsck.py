"""A catalogue that is really damaged: what fsck says of it, what it mends, and what gc may take."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.system.test_store_damage import half_written
from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.cli import app
from xpcs_mask_bluesky.server.remove import remove_garbage
from xpcs_mask_bluesky.store.errors import Conflict, DamagedLog
from xpcs_mask_bluesky.store.garbage import find_garbage

SHAPE = (60, 80)
GOOD = np.arange(4800).reshape(SHAPE) % 97 > 0
RECIPE = PartitionRecipe(dynamic=(5, 1), static=(20, 4))


def record(center):
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=center,
        beam_center_y=22.6,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=SHAPE,
    )


def filled(catalog, center):
    """Return a detector with one of everything in its log, and the digest of its partition."""
    eiger = catalog.create_detector("eiger4M", shape=SHAPE, blemish=GOOD)
    eiger.set_recipe(RECIPE)
    eiger.edit("me").circle(row=5, column=5, radius=3)
    digest = eiger.publish(record(center), run_uid="run-1").digest
    eiger.snapshot(reason="kept")
    return eiger, digest


@pytest.fixture
def eiger(catalog, request):
    """One whose partition no other test has: all share a directory."""
    return filled(catalog, 31 + hash(request.node.name) % 1000 / 1e4)[0]


@pytest.fixture
def fsck(catalog, server_directory):
    def run(*options):
        arguments = ["fsck", "--catalog", str(server_directory), "--path", catalog.path, "--json", *options]
        done = CliRunner().invoke(app, arguments)
        facts = json.loads(done.stdout)
        assert done.exit_code == (3 if facts["damage"] else 0)
        return facts

    return run


@pytest.fixture
def execute(server_directory):
    """Change the database behind the running server's back."""

    def run(statement, *values):
        with closing(sqlite3.connect(server_directory / "catalog.db", timeout=20)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            return connection.execute(statement, values).rowcount

    return run


def file_of(server_directory, eiger):
    return server_directory / "partitions" / f"{eiger.partition().digest}.hdf"


def test_a_whole_catalogue_is_whole(eiger, fsck):
    assert fsck() == {"detectors": ["eiger4M"], "findings": [], "damage": 0}


def test_a_truncated_partition_is_found_and_computed_again_bit_for_bit(eiger, fsck, server_directory):
    file = file_of(server_directory, eiger)
    before = np.array(eiger.partition().partition.static_roi_map)
    file.write_bytes(file.read_bytes()[:-3000])
    (found,) = fsck()["findings"]
    assert found["where"] == f"partitions/{file.stem}"
    assert "cannot be read" in found["what"]
    assert fsck("--repair")["findings"][0]["repaired"]
    assert fsck()["findings"] == []
    assert np.array_equal(eiger.partition().partition.static_roi_map, before)


def test_a_partition_file_that_is_lost_is_computed_again(eiger, fsck, server_directory):
    file_of(server_directory, eiger).unlink()
    assert fsck()["damage"] == 1
    assert fsck("--repair")["damage"] == 0
    assert fsck()["findings"] == []


@pytest.mark.parametrize("file", ["whole", "cut", "gone"])
def test_a_partition_that_is_not_registered_is_registered_whatever_became_of_its_file(
    eiger, fsck, execute, server_directory, file
):
    path = file_of(server_directory, eiger)
    if file != "whole":
        path.write_bytes(path.read_bytes()[:-3000])
    if file == "gone":
        path.unlink()
    assert execute("DELETE FROM assets WHERE data_uri LIKE ?", f"%{path.name}") == 1
    assert execute('DELETE FROM nodes WHERE "key" = ?', path.stem) == 1
    (found,) = fsck()["findings"]
    assert ("missing" if file == "gone" else "not registered") in found["what"]
    assert fsck("--repair")["damage"] == 0
    assert fsck()["findings"] == []
    assert eiger.partition().partition.digest == path.stem


def test_a_partition_that_comes_out_otherwise_is_not_written(eiger, fsck, server_directory, execute):
    file = file_of(server_directory, eiger)
    cut = file.read_bytes()[:-3000]
    file.write_bytes(cut)
    changed = (
        'UPDATE nodes SET metadata = replace(metadata, \'"radius":3.0\', \'"radius":4.0\') WHERE "key" = ?'
    )
    assert execute(changed, "00000003")
    facts = fsck("--repair")
    assert facts["damage"] == 2
    assert any("cannot be told" in each["what"] for each in facts["findings"])
    assert any("NOT REPAIRED" in each["said"] for each in facts["findings"])
    assert file.read_bytes() == cut


def test_a_chunk_of_zeros_is_damage_that_a_copy_mends(eiger, fsck, server_directory):
    digest = eiger.history("blemish").operations[0].digest
    (stored,) = (each for each in server_directory.rglob(digest) if eiger.path_parts[0] in each.parts)
    (chunk,) = (each for each in stored.rglob("*") if each.is_file() and each.name != "zarr.json")
    chunk.unlink()  # reads as zeros
    (found,) = fsck("--repair")["findings"]
    assert found["where"] == f"blobs/{digest}"
    assert found["damage"]
    assert not found["repaired"]
    assert "restore the catalogue from a copy" in found["remedy"]


def test_a_half_written_snapshot_is_evaluated_again(eiger, fsck, execute, server_directory):
    (snapshot,) = eiger.snapshots()
    unfinished = (
        """UPDATE nodes SET metadata = replace(metadata, '"sealed":true', '"sealed":false') WHERE "key" = ?"""
    )
    assert execute(unfinished, snapshot.digest) >= 1
    (stored,) = (
        each for each in server_directory.rglob(snapshot.digest) if eiger.path_parts[0] in each.parts
    )
    (chunk,) = (each for each in stored.rglob("*") if each.is_file() and each.name != "zarr.json")
    chunk.unlink()
    (found,) = fsck()["findings"]
    assert "half-written" in found["what"]
    assert fsck("--repair")["findings"][0]["repaired"]
    assert fsck()["findings"] == []


def test_a_deleted_entry_is_missing_and_stops_the_history_there(eiger, fsck, execute):
    eiger.edit("me").circle(row=15, column=5, radius=3)
    eiger.edit("me").circle(row=25, column=5, radius=3)
    first, last = eiger.log("mask")[1:]
    assert (
        execute(
            'DELETE FROM nodes WHERE "key" = ? AND parent = (SELECT id FROM nodes WHERE "key" = \'log\' '
            "ORDER BY id DESC LIMIT 1)",
            f"{first.seq:08d}",
        )
        == 1
    )
    gap, stop = fsck("--repair")["findings"]
    assert (gap["where"], gap["what"]) == (f"log/{first.seq:08d}", "this entry is missing")
    assert stop["where"] == f"log/{last.seq:08d}"
    assert "missing or damaged" in stop["what"]


@pytest.mark.parametrize("lost", ["$.body.recipe", "$.inputs.geometry", "$.body.recipe.dynamic"])
def test_edges_that_the_log_has_lost_are_found(eiger, fsck, execute, lost):
    (entry,) = eiger.log("recipe resolved")
    assert (
        execute(
            'UPDATE nodes SET metadata = json_remove(metadata, ?) WHERE "key" = ? AND parent = '
            "(SELECT id FROM nodes WHERE \"key\" = 'log' ORDER BY id DESC LIMIT 1)",
            lost,
            f"{entry.seq:08d}",
        )
        == 1
    )
    (found,) = fsck()["findings"]
    assert found["where"] == f"log/{entry.seq:08d}"
    assert "recipe resolved" in found["what"]


def test_what_no_entry_names_is_left_over_and_no_damage(eiger, fsck):
    eiger.blobs.put(~GOOD)
    half_written(eiger, GOOD.T.copy().reshape(SHAPE))
    facts = fsck()
    assert facts["damage"] == 0
    assert [each["damage"] for each in facts["findings"]] == [False, False]


@pytest.fixture(scope="module")
def littered(tmp_path_factory):
    """A directory that nobody serves, with a refused edit's array, and the named digests."""
    directory = tmp_path_factory.mktemp("littered") / "catalogue"
    with MaskCatalog.open(directory) as catalog:
        eiger, digest = filled(catalog, 31.5)
        other = MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]
        edit = eiger.edit("me", layer="blemish")
        with pytest.raises(Conflict), edit as staged:
            staged.blemish(~GOOD)
            other.edit("you", layer="blemish").pixels([(1, 1)])
        second = catalog.create_detector("pilatus", shape=SHAPE)
        second.edit("me").blemish(GOOD)
        second.blobs.put(np.zeros(SHAPE, bool))
    (directory / "partitions" / f"{'ab' * 32}.hdf").write_bytes(b"half")
    (directory / "partitions" / ".ab-x.part").write_bytes(b"draft")
    return directory, digest


def gc(directory, *options):
    done = CliRunner().invoke(app, ["gc", "--catalog", str(directory), "--json", *options])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["garbage"]


def test_garbage_is_told_first_and_removed_when_asked_and_nothing_named_goes(littered, tmp_path):
    directory = tmp_path / "catalogue"
    shutil.copytree(littered[0], directory)
    (directory / "place").unlink()
    assert gc(directory) == []  # younger than a week
    found = gc(directory, "--older", "0")
    assert len(found) == 4
    assert all(each["size"] for each in found)
    assert gc(directory, "--older", "0") == found or len(gc(directory, "--older", "0")) == 4  # nothing went
    assert len(find_garbage(directory, now=2e10)) == 4


def test_after_gc_the_catalogue_is_whole_and_nothing_is_left_over(littered):
    directory, digest = littered
    kept = set(directory.rglob("*"))
    removed = remove_garbage(directory, grace=0)
    gone = {path.name for path in kept - set(directory.rglob("*"))}
    assert {"/".join(each.node[1:3]) for each in removed if each.node} == {"eiger4M/blobs", "pilatus/blobs"}
    assert {f"{'ab' * 32}.hdf", ".ab-x.part", *(each.node[-1] for each in removed if each.node)} <= gone
    assert gc(directory, "--older", "0", "--delete") == []
    with MaskCatalog.open(directory) as catalog:
        held = CliRunner().invoke(app, ["gc", "--catalog", str(directory), "--delete"])
        assert held.exit_code == 1
        assert "is being served; stop its server" in held.stderr
        done = CliRunner().invoke(app, ["fsck", "--catalog", str(directory), "--json"])
        assert json.loads(done.stdout) == {"detectors": ["eiger4M", "pilatus"], "findings": [], "damage": 0}
        eiger = catalog["eiger4M"]
        assert eiger.partition(run="run-1").partition.read().digest == digest
        assert np.array_equal(np.asarray(eiger.blemish(revision=1)), GOOD)


def test_a_server_lists_garbage_and_deletes_nothing(catalog, eiger, monkeypatch, server_directory):
    eiger.blobs.put(~GOOD)
    connection = json.loads((server_directory / "connection.json").read_text())
    monkeypatch.setenv("TILED_API_KEY", connection["key"])
    where = ["--catalog", connection["uri"], "--path", catalog.path]
    done = CliRunner().invoke(app, ["gc", "--json", *where])
    (found,) = json.loads(done.stdout)["garbage"]
    assert found["where"].startswith(f"{catalog.path}/eiger4M/blobs/")
    refused = CliRunner().invoke(app, ["gc", "--delete", *where])
    assert refused.exit_code == 1
    assert "withholds deletion" in refused.stderr
    assert np.array_equal(eiger.blobs.get(found["where"].rsplit("/", 1)[1]), ~GOOD)


def test_nothing_is_garbage_while_an_entry_is_missing(littered, tmp_path):
    directory = tmp_path / "catalogue"
    shutil.copytree(littered[0], directory)
    with closing(sqlite3.connect(directory / "catalog.db")) as connection, connection:
        connection.execute("DELETE FROM nodes WHERE \"key\" = '00000001'")
    with pytest.raises(DamagedLog, match="log entry 1 is missing"):
        find_garbage(directory, grace=0)
    with pytest.raises(DamagedLog, match="log entry 1 is missing"):
        remove_garbage(directory, grace=0)
