"""A file that is replaced is there as a whole, old or new, whatever happens to who writes it."""

import subprocess
import sys

import pytest

from xpcs_mask_bluesky.files.replacing import replaced


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "qmap.hdf"
    path.write_text("old")
    with replaced(path) as draft:
        draft.write_text("half")
        assert path.read_text() == "old"
        draft.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "qmap.hdf"
    path.write_text("old")
    with pytest.raises(RuntimeError), replaced(path) as draft:
        draft.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_is_killed_leaves_no_half_file_under_the_name(tmp_path):
    code = (
        "import os, signal, sys; from xpcs_mask_bluesky.files.replacing import replaced\n"
        "with replaced(sys.argv[1]) as draft:\n"
        "    draft.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "qmap.hdf")], check=False)
    assert not (tmp_path / "qmap.hdf").exists()
