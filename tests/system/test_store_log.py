"""The log: contiguous numbers whoever writes, and a conflict only where one is."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.store.errors import Conflict
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.state import fold

WRITER = """
import sys
from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.store.log import Draft
detector = MaskCatalog.open(sys.argv[1], path=sys.argv[2])["det"]
for number in range(15):
    detector.commits.append(Draft(kind="note", body={"who": sys.argv[3]}), since=0)
"""


@pytest.fixture
def detector(catalog):
    return catalog.create_detector("det", shape=(8, 9))


def test_numbers_are_contiguous_with_writers_in_processes_and_threads(detector, catalog, server_directory):
    command = [sys.executable, "-c", WRITER, str(server_directory), catalog.path]
    processes = [subprocess.Popen([*command, name]) for name in ("a", "b")]

    def write(_):
        return detector.commits.append(Draft(kind="note"), since=0)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(20)))
    assert [process.wait(60) for process in processes] == [0, 0]
    entries = detector.log()
    assert [entry.seq for entry in entries] == list(range(1, 51))
    assert sum(entry.body.get("who") == "a" for entry in entries) == 15


def test_an_edit_of_a_mask_that_moved_is_a_conflict_that_names_the_other(detector, catalog):
    mine = detector.edit("me")
    mine.__enter__()
    mine.circle(row=1, column=1, radius=1)
    with MaskCatalog.open(catalog.client, path=catalog.path)["det"].edit("Ada") as theirs:
        theirs.rectangle(row=4, column=4, height=2, width=2)
    with pytest.raises(Conflict, match="Ada has meanwhile committed entry 1: rectangle 2×2"):
        mine.__exit__(None, None, None)
    assert len(detector.log()) == 1


def test_entries_of_other_kinds_make_no_conflict(detector):
    with detector.edit() as edit:
        edit.circle(row=1, column=1, radius=1)
        detector.commits.append(Draft(kind="geometry", body={"notes": []}), since=0)
        with detector.edit(layer="blemish") as other:
            other.pixels([(0, 0)])
    assert [entry.kind for entry in detector.log()] == ["geometry", "blemish", "mask"]


def test_an_unknown_schema_version_is_an_error(detector):
    content = {"seq": 1, "time": 0.0, "kind": "mask", "schema": 99}
    with pytest.raises(ValueError, match="schema 99"):
        LogEntry.from_metadata(content)


def test_a_missing_entry_is_noticed(detector):
    for row in (1, 2, 3):
        detector.edit().circle(row=row, column=1, radius=1)
    first, _, third = detector.log("mask")
    with pytest.raises(ValueError, match="missing or damaged"):
        fold([first, third])


def test_a_log_entry_cannot_be_rewritten(detector):
    from tiled.client.utils import ClientError

    detector.edit().circle(row=1, column=1, radius=1)
    with pytest.raises(ClientError, match="403"):
        detector["log", "00000001"].update_metadata({"body": {}})
