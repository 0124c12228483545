"""The commands about masks, as a person types them: against a real server, each with its failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.qmap_files import SHAPE as SMALL
from tests.unit.qmap_files import content, write
from xpcs_mask_bluesky import Circle, GeometryRecord, PartitionRecipe, read_mask, read_pixels, read_qmap
from xpcs_mask_bluesky.cli import app

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.3,
    beam_center_y=22.6,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=SHAPE,
)
EDITS = ("apply", "import", "undo", "redo")


@pytest.fixture
def eiger(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.set_recipe(PartitionRecipe(dynamic=(5, 1), static=(20, 4)))
    eiger.edit("me", reason="flare").circle(row=5, column=5, radius=3)
    return eiger


@pytest.fixture
def command(catalog, server_directory):
    """Run a command on the catalogue, and return its exit status, output and error."""

    def run(name, *arguments, stdin=None):
        where = ["--catalog", str(server_directory), "--path", catalog.path]
        done = CliRunner().invoke(app, [name, *map(str, arguments), *where], input=stdin)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


@pytest.fixture
def told(command):
    """Run a command that succeeds, and return the facts that it prints."""

    def run(name, *arguments, stdin=None):
        status, out, err = command(name, *arguments, "--json", stdin=stdin)
        assert status == 0, err
        return json.loads(out)

    return run


@pytest.fixture
def refused(command):
    """Run a command that fails, and return its one line."""

    def run(name, *arguments, stdin=None):
        status, out, err = command(name, *arguments, stdin=stdin)
        assert (status, out) == (1, "")
        (line,) = err.strip().splitlines()
        assert line.startswith(f"xpcs-mask {name}: ")
        return line

    return run


def test_a_list_of_operations_is_one_entry_and_undo_and_redo_move_the_pointer(eiger, command, told):
    before = np.asarray(eiger.mask())
    operations = [{"kind": "circle", "row": 30, "column": 40, "radius": 4}, {"kind": "invert"}]
    facts = told("apply", "-", "--author", "ann", "--reason", "why", stdin=json.dumps(operations))
    entry = eiger.log("mask")[-1]
    assert (entry.seq, entry.author, entry.reason) == (facts["revision"], "ann", "why")
    assert [each["kind"] for each in facts["operations"]] == ["circle", "circle", "invert"]
    assert len(eiger.log("mask")) == 2
    after = np.asarray(eiger.mask())
    assert told("undo", "--steps", 2)["operations"] == [facts["operations"][0]]
    assert np.array_equal(np.asarray(eiger.mask()), before)
    status, out, _ = command("redo", "--steps", "2", "--author", "bob")
    assert status == 0
    assert "▸   3  + invert" in out
    assert np.array_equal(np.asarray(eiger.mask()), after)
    assert eiger.log("mask")[-1].author == "bob"


def test_the_blemish_is_edited_apart(eiger, told, tmp_path):
    file = tmp_path / "op.json"
    file.write_text(json.dumps({"kind": "pixels", "pixels": [[1, 2]]}))
    told("apply", file, "--layer", "blemish")
    assert not np.asarray(eiger.blemish())[1, 2]
    assert np.asarray(eiger.blemish()).sum() == SHAPE[0] * SHAPE[1] - 1
    assert told("undo", "--layer", "blemish")["operations"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"kind": "circle", "row": 1', "not JSON, perhaps cut short"),
        ('[{"kind": "circle", "row": 1, "column": 2, "radius": -3}]', "operation 0: circle.radius: Input"),
        ('{"kind": "squircle"}', "squircle"),
        ("[]", "empty list"),
        ('{"kind": "circle", "row": 1, "column": 2, "radius": 3, "colour": "red"}', "circle.colour"),
        ('[{"kind": "invert"}, {"kind": "pixels", "pixels": [[99, 0]]}]', "off the detector"),
        ('{"kind": "threshold", "high": 9}', "an image is needed"),
    ],
)
def test_damaged_or_unfit_operations_are_one_line_and_nothing_is_applied(eiger, refused, text, said):
    head = eiger.head()
    assert said in refused("apply", "-", stdin=text)
    assert eiger.head() == head


def test_nothing_to_undo_or_redo_and_an_unknown_layer_are_said(eiger, refused, told):
    assert "nothing to redo" in refused("redo")
    told("undo")
    assert "nothing to undo" in refused("undo")
    assert "expected mask or blemish" in refused("undo", "--layer", "paint")
    assert "no file" in refused("import", "nowhere.tif", "--polarity", "bad", "--orientation", "row,column")
    assert "nowhere.json" in refused("apply", "nowhere.json")


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_somebody_else_is_named_and_not_overwritten(eiger, refused, tmp_path, name):
    known = eiger.head()
    eiger.edit("bob").circle(row=20, column=20, radius=2)
    eiger.edit("bob").undo()
    head = eiger.head()
    (tmp_path / "op.json").write_text('{"kind": "invert"}')
    (tmp_path / "list.csv").write_text("1,2\n")
    files = {
        "apply": [tmp_path / "op.json"],
        "import": [tmp_path / "list.csv", "--order", "row,column"],
        "undo": [],
        "redo": [],
    }
    line = refused(name, *files[name], "--expect", known)
    assert f"bob has meanwhile committed entry {head}" in line
    assert eiger.head() == head


@pytest.mark.parametrize("name", [*EDITS, "log", "export", "diff", "show", "check", "report", "fsck"])
def test_an_unknown_detector_names_those_there_are(eiger, refused, name, tmp_path):
    needed = {
        "apply": ["-"],
        "import": ["x.csv", "--order", "row,column"],
        "export": ["mask", "--polarity", "bad", "-o", tmp_path / "x.tif"],
        "diff": ["1", "2"],
        "check": ["run"],
        "report": ["-o", tmp_path / "x.pdf"],
    }
    line = refused(name, *needed.get(name, []), "--detector", "pilatus", stdin='{"kind": "invert"}')
    assert "no detector 'pilatus'; there is eiger4M" in line
    assert not list(tmp_path.iterdir())


def test_a_mask_goes_out_and_comes_back_whatever_polarity_and_orientation(eiger, told, tmp_path):
    mask = np.asarray(eiger.mask())
    for suffix, polarity, orientation in [
        ("tif", "bad", "column,row"),
        ("npy", "good", "-row,column"),
        ("edf", "bad", "row,column"),
    ]:
        file = tmp_path / f"mask.{suffix}"
        declared = ["--polarity", polarity, "--orientation", orientation]
        facts = told("export", "mask", "-o", file, *declared)
        assert facts["counted"] == mask.sum()
        assert np.array_equal(read_mask(file, shape=SHAPE, polarity=polarity, orientation=orientation), mask)
        assert (
            told("import", file, *declared)["did"] == f"file mask of {(~mask).sum()} pixels from {file.name}"
        )
        assert np.array_equal(np.asarray(eiger.mask()), mask)


def test_a_mask_of_before_is_exported_by_revision_time_or_run(eiger, told, tmp_path):
    use = eiger.publish(RECORD, run_uid="run-1")
    then, earlier = datetime.now(UTC), np.asarray(eiger.mask())
    eiger.edit("me").circle(row=40, column=40, radius=5)
    for when in (use.mask_revision, then.isoformat(), then.astimezone().replace(tzinfo=None), "run-1"):
        at = when.isoformat() if isinstance(when, datetime) else when
        told("export", "mask", "-o", tmp_path / "m.npy", "--polarity", "good", "--at", at)
        assert np.array_equal(np.load(tmp_path / "m.npy"), earlier)


def test_pixel_lists_and_foreign_qmaps_come_in(catalog, eiger, told, tmp_path):
    (tmp_path / "hot.csv").write_text("column,row\n7,3\n8,3\n")
    told("import", tmp_path / "hot.csv", "--order", "column,row", "--detector", "eiger4M")
    assert eiger.history().operations[-1] == read_pixels(tmp_path / "hot.csv", order="column,row")
    small, foreign = catalog.create_detector("small", shape=SMALL), write(tmp_path / "foreign.hdf")
    told("import", foreign, "--qmap", "--detector", "small")
    assert np.array_equal(np.asarray(small.mask()), content()["mask"])
    told("import", foreign, "--qmap", "--layer", "blemish", "--detector", "small")
    assert np.array_equal(np.asarray(small.blemish()), content()["blemish"])


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        (
            "m.npy",
            np.ones(SHAPE[::-1], bool),
            ["--polarity", "good", "--orientation", "row,column"],
            "transposed",
        ),
        ("m.npy", np.ones(SHAPE, bool), [], "--polarity good|bad|pixel_mask"),
        (
            "m.npy",
            np.ones(SHAPE, bool),
            ["--polarity", "white", "--orientation", "row,column"],
            "polarity is",
        ),
        ("l.csv", None, [], "--order"),
        ("q.hdf", None, ["--qmap"], "q.hdf"),
    ],
)
def test_a_file_that_does_not_fit_or_is_not_declared_changes_nothing(
    eiger, refused, tmp_path, name, content, options, said
):
    head, file = eiger.head(), tmp_path / name
    if content is None:
        file.write_text("1,2\n")
    else:
        np.save(file, content)
    assert said in refused("import", file, *options)
    assert eiger.head() == head


def test_the_log_is_told_by_kind_and_since_in_words_and_as_facts(eiger, command, told):
    eiger.publish(RECORD, run_uid="run-1")
    kinds = [each["kind"] for each in told("log")]
    assert kinds == ["recipe set", "mask", "recipe resolved", "partition", "run use"]
    assert [each["seq"] for each in told("log", "--kind", "mask", "--kind", "run use")] == [2, 5]
    assert [each["seq"] for each in told("log", "--since", 3)] == [4, 5]
    assert [each["seq"] for each in told("log", "-n", 2)] == [4, 5]
    assert told("log", "--since", "2999-01-01") == []
    status, out, _ = command("log")
    lines = out.strip().splitlines()
    assert status == 0
    assert len(lines) == 5
    assert lines[1].split()[0] == "2"
    assert "me    circle of 3 px at (row 5, column 5) — flare" in lines[1]
    assert "run run-1, primary 1 to end: partition" in lines[4]
    assert command("log", "--since", "2999-01-01")[1].strip() == "no entry"


def test_the_strip_shows_states_and_pointer(eiger, command, told, refused):
    eiger.edit("me").undo()
    assert command("log", "--strip", "mask")[1] == f"{eiger.history()!r}\n"
    assert told("log", "--strip", "mask")["pointer"] == 0
    assert "expected one of mask, blemish" in refused("log", "--strip", "paint")
    assert "neither a revision nor a time" in refused("log", "--since", "yesterday")


def test_a_difference_tells_pixels_operations_and_what_each_bin_lost(eiger, command, told, refused):
    assert told("diff", 1, 2)["bins"] is None
    eiger.publish(RECORD, run_uid="run-1")
    facts, changed = told("diff", 1, 2), eiger.diff(1, 2)
    assert facts["lost"] == changed.lost.sum() > 0
    assert facts["operations"] == ["circle of 3 px at (row 5, column 5)"]
    assert sum(each["lost"] for each in facts["bins"]) == facts["lost"]
    status, out, _ = command("diff", "2", "1")
    assert status == 0
    assert out.startswith(f"pixels: 0 lost, {facts['lost']} gained")
    assert "revision 99" in refused("diff", 1, 99)
    assert "knows no run 'nobody'" in refused("diff", 1, "nobody")


def test_runs_are_listed_with_their_partitions(eiger, command, told, refused):
    assert told("runs") == []
    first = eiger.publish(RECORD, run_uid="run-1")
    eiger.edit("me").circle(row=40, column=40, radius=5)
    second = eiger.publish(RECORD, run_uid="run-2")
    assert [(each["run"], each["partition"]) for each in told("runs")] == [
        ("run-1", first.digest),
        ("run-2", second.digest),
    ]
    assert [each["run"] for each in told("runs", "--partition", first.digest[:10])] == ["run-1"]
    assert [each["run"] for each in told("runs", "--since", first.revision)] == ["run-2"]
    assert f"run-2  eiger4M  primary 1 to end  default  partition {second.digest[:12]}" in command("runs")[1]
    assert "no run used" in refused("runs", "--partition", "feedbeef")


def test_a_partition_goes_out_for_correlators_by_run_or_digest(eiger, told, refused, tmp_path):
    import h5py

    use = eiger.publish(RECORD, run_uid="run-1")
    for asked in (["--run", "run-1"], ["--digest", use.digest[:12]], []):
        facts = told("export", "partition", *asked, "-o", tmp_path / "q.hdf")
        assert facts["partition"] == read_qmap(tmp_path / "q.hdf").digest == use.digest
    told("export", "partition", "--run", "run-1", "-o", tmp_path / "q.nxs")
    with h5py.File(tmp_path / "q.nxs") as file:
        assert np.array_equal(
            file["entry/instrument/masks/dynamic_roi_map"][()], use.partition.dynamic_roi_map
        )
    assert "knows no run" in refused("export", "partition", "--run", "nobody", "-o", tmp_path / "x.hdf")
    assert "0 partitions" in refused("export", "partition", "--digest", "feed", "-o", tmp_path / "x.hdf")
    assert "tells no format" in refused("export", "partition", "-o", tmp_path / "x.csv")
    assert "declare what 1 means" in refused("export", "mask", "-o", tmp_path / "x.tif")
    assert "cannot be exported" in refused("export", "paint", "-o", tmp_path / "x.tif")
    assert not list(tmp_path.glob("x.*"))


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("apply", ["-"]),
        ("diff", ["1", "2"]),
        ("export", ["mask", "--polarity", "bad", "-o", "x.tif"]),
        ("fsck", []),
        ("gc", []),
        ("import", ["x.csv"]),
        ("log", []),
        ("redo", []),
        ("runs", []),
        ("undo", []),
    ],
)
def test_no_catalogue_is_one_line_and_none_is_made(name, needed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [name, *needed, "--catalog", "nowhere"], input='{"kind": "invert"}')
    assert done.exit_code == 1
    assert done.stderr.startswith(f"xpcs-mask {name}: nowhere holds no catalogue")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_process_of_its_own_edits_the_mask_that_this_one_sees(eiger, catalog, server_directory):
    where = {"XPCS_MASK_CATALOG": str(server_directory), "COLUMNS": "200"}
    run = subprocess.run(
        [
            Path(sys.executable).with_name("xpcs-mask"),
            "apply",
            "-",
            "--path",
            catalog.path,
            "--author",
            "eve",
        ],
        input=Circle(row=30, column=30, radius=3).model_dump_json(),
        env=os.environ | where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert not np.asarray(eiger.mask())[30, 30]
    assert eiger.log("mask")[-1].author == "eve"
