"""Two people who edit one detector: nobody's operation is lost, and the second is told of the first.

XPCS_MASK_TEST_EDITS says how many edits each of the two processes makes (500 takes minutes).
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from xpcs_mask_bluesky import Circle, Conflict, MaskCatalog, evaluate
from xpcs_mask_bluesky.store.log import Draft

SHAPE = (60, 80)
EDITS = int(os.environ.get("XPCS_MASK_TEST_EDITS", "25"))

EDITOR = """
import sys
from xpcs_mask_bluesky import Conflict, MaskCatalog
eiger = MaskCatalog.open(sys.argv[1], path=sys.argv[2])["eiger4M"]
edit, met = eiger.edit(author=sys.argv[3]), 0
for number in range(int(sys.argv[4])):
    try:
        edit.circle(row=number % 60, column=number % 80, radius=float(sys.argv[5]) + number)
    except Conflict as conflict:
        conflict.rebase()
        met += 1
print(met)
"""


@pytest.fixture
def eiger(catalog):
    return catalog.create_detector("eiger4M", shape=SHAPE)


@pytest.fixture
def theirs(catalog):
    """The same detector for somebody else."""
    return MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


def editor(catalog, server_directory, name, offset):
    command = [sys.executable, "-c", EDITOR, str(server_directory), catalog.path, name, str(EDITS), offset]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.timeout(1200)
def test_of_two_processes_that_edit_one_detector_no_edit_is_lost(eiger, catalog, server_directory):
    editors = {
        name: editor(catalog, server_directory, name, offset)
        for name, offset in (("Ada", "1000.25"), ("Bob", "1000.75"))
    }
    for name, process in editors.items():
        out, error = process.communicate(timeout=1100)
        assert process.returncode == 0, error
        print(name, "met", out.strip(), "conflicts")
    entries = eiger.log("mask")
    assert [entry.seq for entry in entries] == list(range(1, 2 * EDITS + 1))
    drawn = {operation.radius for operation in eiger.history().operations}
    assert drawn == {1000.25 + n for n in range(EDITS)} | {1000.75 + n for n in range(EDITS)}
    for name in editors:  # each one's own order is kept
        ours = [entry.body["actions"][0]["operation"]["radius"] for entry in entries if entry.author == name]
        assert ours == sorted(ours)


def in_conflict(eiger, theirs, do, meanwhile):
    """Return the conflict of a block that ``meanwhile`` got in the way of."""
    with pytest.raises(Conflict) as caught, eiger.edit("me") as mine:
        do(mine)
        meanwhile(theirs.edit("Ada"))
    return caught.value, mine


def test_a_refused_edit_goes_on_top_with_one_call(eiger, theirs):
    conflict, mine = in_conflict(
        eiger,
        theirs,
        lambda edit: (edit.circle(row=10, column=10, radius=3), edit.threshold(low=1, image=np.ones(SHAPE))),
        lambda edit: edit.rectangle(row=40, column=40, height=4, width=6),
    )
    assert conflict.entry.author == "Ada"
    assert "rectangle 4×6 px at (row 40, column 40)" in str(conflict)
    assert len(eiger.log("mask")) == 1
    conflict.rebase()
    assert [each.kind for each in theirs.history().operations] == ["rectangle", "circle", "threshold"]
    assert not np.asarray(theirs.mask())[10, 10]
    with pytest.raises(LookupError, match="nothing to rebase"):
        mine.rebase()


def test_the_edit_itself_rebases_too_and_over_several_entries(eiger, theirs):
    _, mine = in_conflict(
        eiger,
        theirs,
        lambda edit: edit.pixels([(1, 1)]),
        lambda edit: [edit.circle(row=9, column=9, radius=n) for n in (1, 2, 3)],
    )
    mine.rebase()
    assert len(eiger.history().operations) == 4


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(lambda edit: edit.undo(), id="undo"),
        pytest.param(lambda edit: edit.reset(), id="reset"),
        pytest.param(lambda edit: edit.branch(0), id="branch"),
        pytest.param(lambda edit: edit.replace(0, Circle(row=20, column=20, radius=9)), id="replace"),
    ],
)
def test_what_would_take_back_the_other_ones_work_is_not_rebased(eiger, theirs, do):
    eiger.edit("me").circle(row=5, column=5, radius=2)

    def meanwhile(edit):
        edit.replace(0, Circle(row=5, column=5, radius=4))

    conflict, _ = in_conflict(eiger, theirs, do, meanwhile)
    before = eiger.head()
    with pytest.raises(Conflict, match="cannot go on top of entry 2"):
        conflict.rebase()
    assert eiger.head() == before
    assert theirs.mask() == evaluate([Circle(row=5, column=5, radius=4)], shape=SHAPE)


def test_entries_of_other_kinds_get_in_nobodys_way(eiger, theirs):
    with eiger.edit("me") as mine:
        mine.circle(row=5, column=5, radius=2)
        theirs.commits.append(Draft(kind="geometry", body={"notes": []}), since=0)
        theirs.commits.append(Draft(kind="run use", lineage={"run_uid": "a"}), since=1)
        theirs.edit("staff", layer="blemish").pixels([(0, 0)])
        theirs.snapshot()
    assert len(eiger.history().operations) == 1


def test_a_conflict_of_something_else_than_an_edit_says_so():
    with pytest.raises(LookupError, match="only an edit"):
        Conflict("the recipe moved").rebase()
