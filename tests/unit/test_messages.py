"""What a person is told who typed something wrong."""

from __future__ import annotations

import pytest

from xpcs_mask_bluesky import MaskCatalog
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
