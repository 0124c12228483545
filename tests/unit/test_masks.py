"""Each operation, and the layers."""

import numpy as np
import pytest

from xpcs_mask_bluesky import (
    Blemish,
    Circle,
    Constraint,
    Eraser,
    GeometryRecord,
    History,
    Invert,
    Line,
    Mask,
    Pixels,
    Polygon,
    Rectangle,
    Threshold,
    evaluate,
    q_map,
)
from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.masks import ImageReference, OffDetector, operation_from_json

SHAPE = (80, 100)
QMAP = q_map(
    GeometryRecord(
        incident_energy=10.0,
        distance=1.0,
        beam_center_x=50.0,
        beam_center_y=40.0,
        x_pixel_size=1e-4,
        y_pixel_size=1e-4,
        shape=SHAPE,
    )
)


def rejected(*operations, **context) -> np.ndarray:
    return ~np.asarray(evaluate(operations, shape=SHAPE, **context))


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        (Rectangle(row=10.5, column=20.5, height=6, width=8), 48),
        (Rectangle(row=10.5, column=20.5, height=8, width=6, angle=90), 48),
        (Circle(row=40, column=60, radius=7.3), 177),
        (Circle(row=0, column=0, radius=2), 4),
    ],
)
def test_a_shape_holds_the_pixels_whose_centres_lie_inside(shape, pixels):
    assert rejected(shape).sum() == pixels


@pytest.mark.parametrize(
    "shape",
    [
        Circle(row=-5, column=-5, radius=2),
        Line(start=(0, 110), end=(80, 120), width=3),
        Rectangle(row=0, column=90, height=2, width=2, frame="beam"),
        Circle(row=90, column=0, radius=1, frame="q"),
    ],
)
def test_a_shape_off_the_detector_holds_no_pixel_and_is_warned_of(shape):
    with pytest.warns(OffDetector, match="lies off the detector"):
        assert rejected(shape, qmap=QMAP).sum() == 0


def test_a_shape_over_the_edge_is_clipped():
    vertices = ((-10, -10), (-10, 3.5), (4.5, 3.5), (4.5, -10))
    assert rejected(Polygon(vertices=vertices)).sum() == 5 * 4
    assert rejected(Eraser(shape=Polygon(vertices=vertices)), Invert()).sum() == 8000
    assert rejected(Rectangle(row=0, column=0, height=1e9, width=1e9)).all()


def test_a_self_crossing_polygon_counts_even_odd():
    star = [(40 + 30 * np.sin(turn), 50 + 30 * np.cos(turn)) for turn in 4 * np.pi / 5 * np.arange(5)]
    found = rejected(Polygon(vertices=tuple(star)))
    assert not found[40, 50]  # its middle is enclosed twice
    assert found[40, 75]


def test_a_beam_that_meets_no_detector_is_said():
    record = QMAP.record.model_copy(update={"swing_angle_horizontal": 120.0})
    with pytest.raises(ValueError, match="does not meet"):
        rejected(Circle(row=0, column=0, radius=3, frame="beam"), qmap=q_map(record))
    for frame in ("beam", "q"):
        with pytest.raises(ValueError, match="needs the Q-map"):
            rejected(Circle(row=0, column=0, radius=3, frame=frame))


@pytest.mark.parametrize(
    ("dtype", "greatest"), [("uint8", 255), ("uint16", 65535), ("int32", 2**31 - 1), ("uint32", 2**32 - 1)]
)
def test_a_saturated_pixel_stands_at_the_greatest_value_of_its_dtype(dtype, greatest):
    image = np.zeros(SHAPE, dtype)
    image[3, 4], image[5, 6] = greatest, greatest - 1
    threshold = Threshold.saturated(dtype)
    assert np.argwhere(rejected(threshold, image=image)).tolist() == [[3, 4]]
    assert str(greatest) in threshold.describe()
    for wrong in ("float32", "counts"):
        with pytest.raises(ValueError, match="no value of saturation"):
            Threshold.saturated(wrong)


def test_an_angle_turns_the_row_axis_towards_the_column_axis():
    found = rejected(Rectangle(row=40, column=50, height=40, width=3, angle=45))
    assert found[50, 60]
    assert not found[50, 40]


def test_a_threshold_keeps_its_low_end_and_never_nan():
    image = np.tile([1.0, 2.0, 3.0, np.nan], (80, 25))
    kept = ~rejected(Threshold(low=2, high=3), image=image)
    assert np.array_equal(kept, image == 2)


def test_a_recorded_image_is_found_by_its_digest_alone():
    image = np.arange(8000.0).reshape(SHAPE)
    reference = ImageReference(digest=array_digest(image), run="a-run")
    threshold = Threshold(high=100, image=reference)
    kept = ~rejected(threshold, arrays={reference.digest: image})
    assert kept.sum() == 100
    with pytest.raises(ValueError, match="not at hand"):
        rejected(threshold, image=image + 1)


def test_or_as_the_first_constraint_starts_the_result():
    q = QMAP["q"]
    low = Constraint(axis="q", upper=0.01, logic="OR")
    high = Constraint(axis="q", lower=0.02, logic="OR")
    assert np.array_equal(~rejected(low, high, qmap=QMAP), (q <= 0.01) | (q >= 0.02))


def test_an_arc_of_phi_may_cross_180():
    phi = QMAP["phi"]
    expected = (phi >= 170) | (phi <= -170)
    for arc in ((170, -170), (170, 190), (-190, -170)):
        constraint = Constraint(axis="phi", lower=arc[0], upper=arc[1])
        assert np.array_equal(~rejected(constraint, qmap=QMAP), expected)


def test_the_mask_is_the_and_of_all_layers_in_any_order_of_drawing():
    blemish = Blemish.from_array(np.arange(8000).reshape(SHAPE) % 7 > 0)
    operations = (Circle(row=40, column=60, radius=7.3), Pixels(pixels=((1, 2),)), blemish)
    assert evaluate(operations, shape=SHAPE) == evaluate(operations[::-1], shape=SHAPE)
    assert not (np.asarray(evaluate(operations, shape=SHAPE)) & ~blemish.array).any()


@pytest.mark.parametrize(
    "operation",
    [
        Rectangle(row=1.5, column=2, height=3, width=4, angle=30),
        Circle(row=1.5, column=2, radius=3),
        Threshold(low=0, high=10, image=ImageReference(digest="0" * 64, run="a", frames="mean of 0:3")),
        Constraint(axis="phi", lower=-10, upper=10, logic="OR"),
        Pixels(pixels=((1, 2), (3, 4), (5, 6), (7, 8))),
        Blemish.from_array(np.eye(4) > 0, source="maker"),
    ],
)
def test_json_gives_the_same_operation_and_one_line_describes_it(operation):
    assert operation_from_json(operation.model_dump(mode="json")) == operation
    assert operation.describe()
    assert "\n" not in operation.describe()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"kind": "circle", "row": 1, "column": 1, "radius": 0}, "radius"),
        ({"kind": "rectangle", "row": 1, "column": 1, "height": -1, "width": 2}, "height"),
        ({"kind": "threshold", "low": 5, "high": 4}, "not below"),
        ({"kind": "threshold"}, "needs low, high or both"),
        ({"kind": "constraint", "axis": "q", "lower": 2, "upper": 1}, "above upper"),
        ({"kind": "pixels", "pixels": []}, "pixels"),
        ({"kind": "lasso"}, "lasso"),
        ({"kind": "polygon", "vertices": [[1, 1], [2, 2]]}, "three different vertices"),
        ({"kind": "polygon", "vertices": [[1, 1], [2, 2], [1, 1]]}, "three different vertices"),
        ({"kind": "polygon", "vertices": [[1, 1], [2, 2], [4, 4]]}, "on one line"),
        ({"kind": "line", "start": [1, 1], "end": [1, 1], "width": 2}, "no length"),
        ({"kind": "ellipse", "row": 1, "column": 1, "semi_row": 0, "semi_column": 2}, "semi_row"),
        ({"kind": "circle", "row": float("nan"), "column": 1, "radius": 1}, "row"),
        ({"kind": "grow", "pixels": 0}, "pixels"),
        ({"kind": "outliers", "percentiles": [95, 5]}, "rising order"),
        (
            {
                "kind": "eraser",
                "shape": {"kind": "circle", "row": 1, "column": 1, "radius": 1, "mode": "inclusive"},
            },
            "inclusive",
        ),
    ],
)
def test_a_wrong_operation_is_refused(content, said):
    with pytest.raises(ValueError, match=said):
        operation_from_json(content)


@pytest.mark.parametrize(
    ("operation", "context", "said"),
    [
        (Blemish.from_array(np.ones(SHAPE[::-1], bool)), {}, "transposed"),
        (Pixels(pixels=((5, 5), (85, 5))), {}, r"\(column, row\)"),
        (Constraint(axis="qz", lower=0), {"qmap": QMAP}, "two_theta"),
        (Constraint(axis="q", lower=0), {}, "needs the Q-map"),
        (Threshold(high=5), {}, "needs an image"),
        (Threshold(high=5), {"image": np.ones(SHAPE[::-1])}, "transposed"),
    ],
)
def test_what_an_operation_lacks_is_said(operation, context, said):
    with pytest.raises(ValueError, match=said):
        rejected(operation, **context)


def test_an_undone_operation_does_not_count():
    history = History().apply(Circle(row=40, column=60, radius=7.3))
    assert evaluate(history.undo(), shape=SHAPE).counted == 8000
    assert evaluate(history.undo().redo(), shape=SHAPE).counted == 8000 - 177


def test_a_mask_is_zeros_and_ones_in_two_dimensions():
    for wrong in (np.ones(5), np.full(SHAPE, 2), np.ones((0, 5))):
        with pytest.raises(ValueError, match="mask"):
            Mask(wrong)
    mask = Mask(np.ones(SHAPE, int))
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(mask)[0, 0] = False
