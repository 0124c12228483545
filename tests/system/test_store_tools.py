"""Every tool of an edit reaches the log, and what does not fit appends nothing."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

from xpcs_mask_bluesky import (
    Circle,
    Ellipse,
    Eraser,
    Grow,
    Invert,
    Line,
    MaskCatalog,
    Outliers,
    Polygon,
    Rectangle,
    Shrink,
    Suspect,
    Threshold,
    evaluate,
)
from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.masks import OffDetector

SHAPE = (30, 40)
HOLE = Circle(row=10, column=10, radius=2)
IMAGE = np.arange(1200, dtype=np.uint16).reshape(SHAPE)


@pytest.fixture
def eiger(catalog):
    return catalog.create_detector("eiger4M", shape=SHAPE)


@pytest.fixture
def elsewhere(catalog):
    """The same detector for a client that shares no cache."""
    return MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


DRAWN = {
    "rectangle": Rectangle(row=9, column=8, height=4, width=5, angle=20, mode="inclusive"),
    "circle": Circle(row=9, column=8, radius=3),
    "ellipse": Ellipse(row=9, column=8, semi_row=3, semi_column=2, angle=30),
    "polygon": Polygon(vertices=((1, 1), (9, 1), (4, 9))),
    "line": Line(start=(3, 3), end=(20, 30), width=2),
    "eraser": Eraser(shape=HOLE),
    "grow": Grow(pixels=2),
    "shrink": Shrink(pixels=1),
    "invert": Invert(),
}


def test_every_drawing_tool_is_a_method_with_the_fields_of_its_operation(eiger, elsewhere):
    with eiger.edit("me") as mask:
        for name, operation in DRAWN.items():
            fields = {field: getattr(operation, field) for field in type(operation).model_fields}
            del fields["kind"]
            getattr(mask, name)(**fields)
            assert set(inspect.signature(getattr(mask, name)).parameters) == set(fields)
    assert elsewhere.history().operations == tuple(DRAWN.values())
    assert elsewhere.mask() == evaluate(list(DRAWN.values()), shape=SHAPE)


def test_a_shape_that_follows_the_beam_waits_for_a_geometry(eiger):
    eiger.edit("me").circle(row=0, column=0, radius=0.001, frame="q")
    eiger.edit("me").line(start=(0, 0), end=(99, 0), width=2, frame="beam")
    assert [each.frame for each in eiger.history().operations] == ["q", "beam"]
    with pytest.raises(LookupError, match="geometry"):
        eiger.mask()


def test_thresholds_and_outliers_keep_their_image_by_digest(eiger, elsewhere):
    eiger.edit("me").threshold(saturated="uint16", image=np.where(IMAGE == 7, 65535, IMAGE).astype("u2"))
    bright = IMAGE.copy()
    bright[4, 4] = 60000
    eiger.edit("me").outliers(by="box", box=10, cutoff=20, image=bright)
    eiger.edit("me").apply(Outliers(by="box", box=5), image=bright)
    assert [each.image.digest for each in elsewhere.history().operations[1:]] == [array_digest(bright)] * 2
    mask = np.asarray(elsewhere.mask())
    assert not mask[0, 7]
    assert not mask[4, 4]
    assert len(list(eiger["blobs"])) == 2


def test_a_file_is_stored_once_by_its_pixels(eiger, elsewhere, tmp_path):
    good = IMAGE % 7 > 0
    np.save(tmp_path / "mask.npy", good.T)
    for _ in range(2):
        eiger.edit("me").file(tmp_path / "mask.npy", polarity="good", orientation="column,row")
    (tmp_path / "mask.npy").unlink()
    assert np.array_equal(np.asarray(elsewhere.mask()), good)
    assert list(eiger["blobs"]) == [array_digest(good)]


def test_a_proposal_is_one_operation_with_its_reason(eiger):
    found = [Suspect(1, 2, "hot", 3, 9.0), Suspect(3, 4, "dead", 3, 0.1)]
    eiger.edit("me").hot_pixels(found, reason="hot since 3 a.m.")
    (operation,) = eiger.history().operations
    assert operation.pixels == ((1, 2), (3, 4))
    assert "hot since 3 a.m." in operation.describe()


def test_enable_disable_replace_label_and_branch_go_through_the_log(eiger, elsewhere):
    edit = eiger.edit("me")
    edit.circle(row=5, column=5, radius=2)
    edit.circle(row=20, column=20, radius=2)
    edit.label("two")
    edit.disable(0)
    assert len(elsewhere.history().operations) == 1
    assert "(disabled)" in repr(edit)
    edit.enable(0)
    edit.replace(1, Rectangle(row=20, column=20, height=3, width=3))
    edit.reset()
    assert eiger.mask().counted == 1200
    edit.branch("two")
    assert [each.kind for each in elsewhere.history().operations] == ["circle", "circle"]
    edit.branch(0)
    assert elsewhere.history().operations == ()
    words = [entry.body["words"] for entry in eiger.log("mask")]
    assert words[3] == "operation 0, circle of 2 px at (row 5, column 5), no longer counts"
    assert words[5] == "operation 1 is now rectangle 3×3 px at (row 20, column 20)"
    assert words[-2:] == ["branch 'two'", "branch state 0"]


def test_nothing_passes_the_default_layer(eiger):
    edit = eiger.edit("me")
    edit.circle(row=5, column=5, radius=2)
    edit.reset()
    with pytest.raises(LookupError, match="default layer"):
        edit.undo()
    edit.redo()
    assert len(eiger.history().operations) == 1


def test_the_history_prints_as_a_strip_with_staged_operations(eiger):
    with eiger.edit("me") as mask:
        mask.circle(row=5, column=5, radius=2)
        mask.pixels([(1, 1)])
        mask.undo()
        strip = repr(mask.history)
    assert strip.splitlines() == [
        "    0  default layer",
        "▸   1  + circle of 2 px at (row 5, column 5)",
        "    2  + pixels (1, 1)  (undone)",
    ]
    assert repr(eiger.history()) == strip
    assert eiger.log()[0].body["words"].endswith("undo: + pixels (1, 1)")


BAD = {
    "two corners": (lambda mask: mask.polygon(vertices=((1, 1), (9, 9))), "three different vertices"),
    "radius 0": (lambda mask: mask.circle(row=1, column=1, radius=0), "radius"),
    "low above high": (lambda mask: mask.threshold(low=5, high=1), "low=5 is not below high=1"),
    "two highs": (lambda mask: mask.threshold(high=5, saturated="uint8"), "give one of them"),
    "no dtype": (lambda mask: mask.threshold(saturated="float32"), "no value of saturation"),
    "upside-down constraint": (lambda mask: mask.constraint("q", lower=2, upper=1), "above upper"),
    "no logic": (lambda mask: mask.constraint("q", lower=2, logic="XOR"), "logic"),
    "pixel off": (lambda mask: mask.pixels([(30, 0)]), "off the detector"),
    "half a pixel": (lambda mask: mask.pixels([(1.5, 0)]), "expected integers"),
    "negative pixel": (lambda mask: mask.pixels([(-1, 0)]), "greater than or equal to 0"),
    "no pixel": (lambda mask: mask.pixels([]), "pixels"),
    "transposed image": (lambda mask: mask.threshold(high=1, image=IMAGE.T), "is it transposed"),
    "image of words": (lambda mask: mask.threshold(high=1, image=IMAGE.astype(str)), "expected numbers"),
    "other image": (lambda mask: mask.outliers(by="q", image=IMAGE[1:]), "outliers's image"),
    "transposed blemish": (lambda mask: mask.blemish(IMAGE.T > 3), "is it transposed"),
    "integer blemish": (lambda mask: mask.blemish(IMAGE), "expected bool"),
    "line without length": (lambda mask: mask.line(start=(1, 1), end=(1, 1), width=1), "no length"),
    "inclusive eraser": (
        lambda mask: mask.eraser(shape=Circle(row=1, column=1, radius=1, mode="inclusive")),
        "eraser",
    ),
    "a suspect of none": (lambda mask: mask.hot_pixels([]), "pixels"),
}


def test_what_does_not_fit_appends_nothing(eiger):
    before = eiger.edit("me")
    before.circle(row=5, column=5, radius=2)
    for do, words in BAD.values():
        with pytest.raises(ValueError, match=words):
            do(eiger.edit("me"))
        with pytest.raises(ValueError, match=words), eiger.edit("me") as mask:
            mask.circle(row=9, column=9, radius=2)
            do(mask)
    for do in (lambda edit: edit.disable(1), lambda edit: edit.branch("x"), lambda edit: edit.branch(7)):
        with pytest.raises(LookupError):
            do(eiger.edit("me"))
    with pytest.raises(LookupError, match="pass image="):
        eiger.edit("me").apply(Threshold(high=3))
    assert len(eiger.log()) == 1


def test_a_shape_beyond_the_detector_is_clipped_and_said(eiger):
    with pytest.warns(OffDetector, match="reaches beyond the detector and is clipped") as said:
        eiger.edit("me").circle(row=0, column=0, radius=3)
    assert said[0].filename == __file__
    with pytest.warns(OffDetector, match="lies off the detector"):
        eiger.edit("me").eraser(shape=Circle(row=90, column=0, radius=3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", OffDetector)
        eiger.edit("me").rectangle(row=14.5, column=19.5, height=30, width=40)
    assert eiger.mask().counted == 0
