"""``xpcs-mask partition`` and ``xpcs-mask verify``, as somebody with files and no Bluesky runs them.

In this process, as each start of the command takes seconds; ``test_cli.py`` starts them for real.
"""

import json
import logging

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.unit.test_metadata_8id import write as write_metadata
from xpcs_mask_bluesky import (
    GeometryRecord,
    PartitionRecipe,
    partition,
    q_map,
    read_qmap,
    write_mask,
    write_qmap,
)
from xpcs_mask_bluesky.cli import app

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.3,
    beam_center_y=42.6,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=(64, 80),
)
RECIPE = PartitionRecipe(dynamic=(4, 2), static=(16, 6))
MASK = np.ones(RECORD.shape, bool)
MASK[3:9, 5:60] = False


def run(*arguments, status=0):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.stdout if status != 1 else done.stderr


@pytest.fixture(autouse=True)
def logger_level():
    """Commands silence our logger, as a process of their own may."""
    logger = logging.getLogger("xpcs_mask_bluesky")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def files(tmp_path):
    """Files of a geometry, a mask, a blemish and a recipe."""
    (tmp_path / "geometry.json").write_text(RECORD.model_dump_json())
    (tmp_path / "detector.poni").write_text(RECORD.to_poni())
    (tmp_path / "recipe.json").write_text(RECIPE.model_dump_json())
    write_mask(MASK, tmp_path / "mask.edf", polarity="bad", orientation="-column,row")
    return tmp_path


def declared(files, output="qmap.hdf"):
    mask = ("--mask", files / "mask.edf", "--mask-polarity", "bad", "--mask-orientation=-column,row")
    return (*mask, "--recipe", files / "recipe.json", "-o", files / output)


def test_a_partition_from_files_is_that_of_python_and_verifies(files):
    facts = json.loads(run("partition", "--geometry", files / "geometry.json", *declared(files), "--json"))
    part = partition(q_map(RECORD), MASK, RECIPE)
    assert facts["digest"] == part.digest
    assert read_qmap(files / "qmap.hdf").digest == part.digest
    assert facts["dynamic_labels"] == part.dynamic_roi_map.max()
    assert "computed anew: the same" in run("verify", files / "qmap.hdf")
    assert json.loads(run("verify", files / "qmap.hdf", "--json"))["recomputed"] == part.digest


def test_poni_and_metadata_are_geometries_too(files):
    facts = json.loads(run("partition", "--poni", files / "detector.poni", *declared(files), "--json"))
    made = read_qmap(files / "qmap.hdf")
    assert made.record.beam_center_x == pytest.approx(31.3, abs=1e-9)
    assert facts["pixels"] == made.mask.sum()
    metadata = write_metadata(files / "A_metadata.hdf", flightpath_swing_vertical=(None, None))
    arguments = ("partition", "--metadata", metadata, *declared(files, "m.hdf"))
    assert "--shape" in run(*arguments, status=1)
    assert "swing_angle_vertical" in run(*arguments, "--shape", 64, 80, status=1)
    run(*arguments, "--shape", 64, 80, "--swing", 0.25, 0)
    assert read_qmap(files / "m.hdf").record.distance == 11.6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected one of --geometry, --poni and --metadata"),
        (("--geometry", "none.json"), "no file"),
        (("--geometry", "recipe.json"), "recipe.json is no GeometryRecord"),
        (("--geometry", "geometry.json", "--mask-orientation", "row,column"), "declare an orientation"),
        (("--geometry", "geometry.json", "--mask-polarity", "black"), "polarity is 'black'"),
        (("--geometry", "geometry.json", "-o", "nowhere/q.hdf"), "nowhere"),
    ],
)
def test_a_failure_is_one_line_that_says_what_to_do(files, monkeypatch, arguments, said):
    monkeypatch.chdir(files)
    (line,) = run("partition", *declared(files), *arguments, status=1).strip().splitlines()
    assert line.startswith("xpcs-mask partition: ")
    assert said in line


def test_warnings_of_what_the_file_cannot_tell_are_shown(files):
    record = RECORD.model_copy(update={"y_pixel_size": 1e-4})
    (files / "geometry.json").write_text(record.model_dump_json())
    assert "warning: pixels of" in run("partition", "--geometry", files / "geometry.json", *declared(files))


def test_a_file_that_is_not_what_it_says_has_exit_status_2(files):
    part = partition(q_map(RECORD), MASK, RECIPE)
    path = write_qmap(part, files / "qmap.hdf")
    with h5py.File(path, "a") as file:
        file["qmap/dynamic_roi_map"][0, 0] = 0
    said = run("verify", path, status=2)
    assert "dynamic_roi_map and mask disagree about 1 pixels" in said
    assert "patched in place" in said
    with h5py.File(path, "w") as file:
        file["other"] = 1
    assert "no /qmap" in run("verify", path, status=1)


def test_labels_that_do_not_follow_from_the_geometry_are_found_by_computing_anew(files):
    part = partition(q_map(RECORD), MASK, RECIPE)
    moved = part.from_arrays(
        record=RECORD.model_copy(update={"beam_center_x": 33.0}),
        requested=part.requested,
        recipe=part.recipe,
        **{
            name: getattr(part, name)
            for name in (
                "mask",
                "blemish",
                "dynamic_roi_map",
                "static_roi_map",
                "dynamic_index_mapping",
                "static_index_mapping",
            )
        },
    )
    said = run("verify", write_qmap(moved, files / "moved.hdf"), status=2)
    assert f"digest {moved.digest}, but geometry, mask and recipe lead to" in said


def test_a_digest_is_looked_up_in_a_catalogue_and_computed_anew(catalog, server_directory):
    detector = catalog.create_detector("det", shape=RECORD.shape)
    detector.set_recipe(RECIPE)
    detector.publish(RECORD, run_uid="a-run")
    digest = detector.partition(run="a-run").partition.digest
    there = ("--catalog", server_directory, "--path", catalog.path)
    assert "computed anew: the same" in run("verify", digest, *there)
    facts = json.loads(run("verify", digest[:10], *there, "--json"))
    assert (facts["what"], facts["detector"], facts["ok"]) == (digest, "det", True)
    assert "no partition 0123456789" in run("verify", "0123456789", *there, status=1)
    assert "pass --catalog" in run("verify", digest, status=1)
