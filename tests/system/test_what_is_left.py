"""An edit that rejects most of the detector is said aloud; one that leaves nothing is refused."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from typer.testing import CliRunner

from xpcs_mask_bluesky.cli import app
from xpcs_mask_bluesky.files.mask_writing import write_mask
from xpcs_mask_bluesky.masks import MostRejected

SHAPE = (60, 80)


@pytest.fixture
def eiger(catalog):
    return catalog.create_detector("eiger4M", shape=SHAPE)


@pytest.fixture
def file(tmp_path):
    """A mask with 100 bad pixels, which are 1."""
    good = np.ones(SHAPE, dtype=bool)
    good[:10, :10] = False
    return write_mask(good, tmp_path / "bad.tif", polarity="bad")


def test_a_mask_file_of_the_wrong_polarity_is_said_aloud_where_it_was_called(eiger, file):
    with pytest.warns(MostRejected, match=r"100 of the 4800 pixels .*2.08%.*polarity") as caught:
        eiger.edit("me").file(file, polarity="good", orientation="row,column")
    assert caught[0].filename == __file__
    assert eiger.mask().counted == 100
    eiger.edit("me").undo()
    with warnings.catch_warnings(action="error"):
        eiger.edit("me").file(file, polarity="bad", orientation="row,column")
    assert eiger.mask().counted == 4700


def test_half_of_what_counted_before_is_the_measure(eiger):
    edit = eiger.edit("me")
    with warnings.catch_warnings(action="error"):
        edit.rectangle(row=14.5, column=39.5, height=30, width=80)  # exactly half
    with pytest.warns(MostRejected, match="1120 of the 2400 pixels that counted are left"):
        edit.rectangle(row=37.5, column=39.5, height=16, width=80)
    with warnings.catch_warnings(action="error"):
        edit.undo()
        edit.redo()
        edit.label("much")


def test_what_depends_on_the_geometry_does_not_hide_it(eiger, file):
    edit = eiger.edit("me")
    edit.circle(row=0, column=0, radius=5, frame="beam")
    with pytest.warns(MostRejected):
        edit.file(file, polarity="good", orientation="row,column")


@pytest.mark.filterwarnings("ignore:.*is clipped")
def test_nothing_left_is_said_and_can_be_undone(eiger):
    edit = eiger.edit("me")
    with pytest.warns(MostRejected, match="none of the 4800 pixels that counted are left .*rectangle"):
        edit.rectangle(row=30, column=40, height=100, width=100)
    edit.undo()
    assert eiger.mask().counted == 4800


def test_a_block_is_looked_at_as_a_whole(eiger):
    with warnings.catch_warnings():
        warnings.simplefilter("error", MostRejected)
        with eiger.edit("me") as edit:
            edit.invert()
            edit.invert()
    with pytest.warns(MostRejected, match="1600 of the 4800") as caught, eiger.edit("me") as edit:
        edit.invert()
        edit.undo()
        edit.rectangle(row=19.5, column=39.5, height=40, width=80)
    assert caught[0].filename == __file__


def test_the_command_says_it_in_one_line(eiger, catalog, server_directory, file):
    where = ["--catalog", str(server_directory), "--path", catalog.path, "--json"]
    how = ["--polarity", "good", "--orientation", "row,column"]
    done = CliRunner().invoke(app, ["import", str(file), *how, *where])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["revision"] == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("xpcs-mask import: WARNING: 100 of the 4800 pixels")
