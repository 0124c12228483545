"""``xpcs-mask listen --files``: metadata files of 8-ID as they appear, each once."""

import json
import os
import time

import pytest

from tests.system.listening import await_true, listeners
from tests.unit.test_metadata_8id import write
from xpcs_mask_bluesky.files.metadata_hdf import read_metadata_hdf

pytestmark = pytest.mark.timeout(600)
CENTRE = {"beam_center_x": (38.2, "m"), "beam_center_y": (30.7, "m")}
OPTIONS = ("--detector", "rigaku3M", "--preset", "aps-8id-nexus", "--set", "rows=64", "--set", "columns=80")


@pytest.fixture
def start(tmp_path):
    with listeners(tmp_path) as function:
        yield function


def write_file(path, distance):
    """Write a file, and return the uid of its run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, distance=(distance, "m"), **CENTRE)
    return read_metadata_hdf(path, detector="rigaku3M")[0][1]["uid"]


def test_each_file_is_one_run_however_it_is_written_and_whenever_the_listener_starts(
    catalog, server_directory, start, tmp_path
):
    folder, recipe = tmp_path / "data", tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"dynamic": [5, 1], "static": [10, 2]}))
    write_file(folder / "old_metadata.hdf", 2.0)
    long_ago = time.time() - 1000
    os.utime(folder / "old_metadata.hdf", (long_ago, long_ago))
    at = ("--catalog", server_directory, "--path", catalog.path, *OPTIONS, "--recipe", recipe)
    listener = start(*at, "--files", folder)
    listener.wait_for("**/*_metadata.hdf")

    def runs():
        try:
            return [each.lineage["run_uid"] for each in catalog["rigaku3M"].log("run use")]
        except KeyError:
            return []

    whole = write_file(folder / "a" / "first_metadata.hdf", 3.0)
    (folder / "a" / "frames.hdf").write_bytes(b"not of this pattern")
    await_true(lambda: runs() == [whole], listener)
    slow = write_file(tmp_path / "slow", 4.0)
    content = (tmp_path / "slow").read_bytes()
    with (folder / "b_metadata.hdf").open(
        "wb"
    ) as file:  # as over a network, or by a program that is not done
        file.write(content[: len(content) // 2])
        file.flush()
        time.sleep(4)
        assert runs() == [whole]
        file.write(content[len(content) // 2 :])
    await_true(lambda: runs() == [whole, slow], listener)
    assert listener.end() == 0, listener.said
    meanwhile = write_file(folder / "c_metadata.hdf", 5.0)
    again = start(*at, "--files", folder, "--once")
    assert again.status() == 0, again.said
    assert runs() == [whole, slow, meanwhile]
    distances = [each.body["record"]["distance"] for each in catalog["rigaku3M"].log("run use")]
    assert distances == [3.0, 4.0, 5.0]
    assert "ended after 3 documents, 1 runs" in again.said
    for said in (listener.said, again.said):
        assert "Traceback" not in said
        assert "unusable" not in said
