"""What a person is told who typed something wrong."""

from __future__ import annotations

import pytest

from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.callbacks.reports import _line, _Part
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.tools import DrawingTools


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        (
            "circle",
            {"x": 1, "y": 2, "radius": 3},
            "circle has no parameter x, y and needs row, column; it takes",
        ),
        ("circle", {"row": 1}, "circle needs column, radius; it takes row, column, radius, frame=…, mode=…"),
        ("polygon", {"points": []}, "polygon has no parameter points and needs vertices; it takes vertices"),
        ("invert", {"row": 1}, "invert has no parameter row; it takes none"),
    ],
)
def test_a_tool_names_the_parameters_that_it_takes(tool, given, said):
    with pytest.raises(ValueError, match=said):
        getattr(DrawingTools(), tool)(**given)


@pytest.mark.parametrize("directory", ["/sys/xpcs-masks", "a file"])
def test_a_directory_that_cannot_be_served_is_one_line_that_says_what_to_do(tmp_path, directory):
    (tmp_path / "a file").write_text("")
    where = tmp_path / directory  # an absolute one stays as it is
    with pytest.raises(PermissionError, match="can be neither served nor joined") as caught:
        MaskCatalog.open(where)
    assert str(where) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_entry_of_the_log_says_when_who_and_what():
    entry = LogEntry(
        seq=7, time=1.8e9, kind="mask", author="me", reason="flare", body={"words": "circle of 3 px"}
    )
    said = entry.describe()
    assert said.startswith("7  2027-01-")
    assert said.endswith("mask by me: circle of 3 px — flare")
    assert repr([entry]) == f"[<LogEntry {said}>]"


@pytest.mark.parametrize("kind", ["mask", "recipe set", "geometry", "partition", "run use", "alarm", "new"])
def test_an_entry_without_its_body_can_be_shown_all_the_same(kind):
    assert f"{kind} by unknown" in repr(LogEntry(seq=1, time=0.0, kind=kind))


def test_what_could_not_go_out_before_the_end_is_said_to_follow():
    waits = _Part(None, settled=False)
    said = _line("3f9a12c7-8e51", ("eiger4M", "default"), waits, 1, True)
    assert (
        said == "xpcs-mask: run 3f9a12c7 eiger4M/default: partition follows at the next start; 1 in the spool"
    )
    assert "not published yet" in _line("3f9a12c7-8e51", ("eiger4M", "default"), waits, 1, False)
