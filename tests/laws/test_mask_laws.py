"""What lists of operations make."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tests.laws.operations import SHAPE, drawn, operations, pixels, shapes
from xpcs_mask_bluesky import (
    Blemish,
    Circle,
    Constraint,
    Eraser,
    GeometryRecord,
    Grow,
    History,
    Invert,
    Rectangle,
    Shrink,
    Threshold,
    evaluate,
    q_map,
)
from xpcs_mask_bluesky.masks import operation_from_json

pytestmark = pytest.mark.filterwarnings("ignore:.*off the detector")
IMAGE = np.arange(SHAPE[0] * SHAPE[1], dtype=float).reshape(SHAPE) % 13
DETECTOR = Blemish.from_array(IMAGE != 5)


def geometry(*, column=11.0, row=8.0, **other) -> GeometryRecord:
    given = {"incident_energy": 10.0, "distance": 1.0, "x_pixel_size": 1e-4, "y_pixel_size": 1e-4} | other
    return GeometryRecord(beam_center_x=column, beam_center_y=row, shape=SHAPE, **given)


QMAP = q_map(geometry())


def kept(*operations, qmap=QMAP) -> np.ndarray:
    return np.asarray(evaluate(operations, shape=SHAPE, qmap=qmap, image=IMAGE))


@given(operations)
def test_json_gives_the_same_operation_and_one_line_describes_it(operation):
    through = json.loads(json.dumps(operation.model_dump(mode="json"), allow_nan=False))
    assert operation_from_json(through) == operation
    assert len(operation.describe().splitlines()) == 1


@given(st.lists(shapes(), max_size=4), shapes(), st.lists(shapes(), max_size=2))
def test_an_eraser_restores_what_was_drawn_before_it_inside_its_shape_and_nothing_else(before, erased, after):
    inside = ~kept(erased)
    expected = (kept(*before) | inside) & kept(*after)
    assert np.array_equal(kept(*before, Eraser(shape=erased), *after), expected)


@given(drawn, shapes(), pixels)
def test_no_drawing_restores_what_is_not_drawn(drawing, erased, listed):
    others = (DETECTOR, Threshold(low=1), listed, Constraint(axis="q", lower=0.001))
    history = History(default=(Circle(row=8, column=9, radius=4),))
    for operation in (*others, drawing, Eraser(shape=erased)):
        history = history.apply(operation)
    counted = np.asarray(evaluate(history, shape=SHAPE, qmap=QMAP, image=IMAGE))
    assert not (counted & ~kept(*others)).any()
    assert not (counted & ~kept(*history.default)).any()


@given(st.lists(drawn, max_size=5), pixels)
def test_the_mask_is_the_and_of_its_layers_in_any_order_of_these(drawing, listed):
    layers = ([DETECTOR], [Threshold(low=1, high=12)], [listed, Constraint(axis="phi", lower=-90)], drawing)
    together = kept(*(each for layer in layers for each in layer))
    assert np.array_equal(together, np.logical_and.reduce([kept(*layer) for layer in layers]))
    assert np.array_equal(together, kept(*(each for layer in layers[::-1] for each in layer)))


@given(st.lists(drawn, max_size=5))
def test_to_invert_twice_changes_nothing_and_once_everything_drawn(drawing):
    assert np.array_equal(kept(*drawing, Invert()), ~kept(*drawing))
    assert np.array_equal(kept(*drawing, Invert(), Invert()), kept(*drawing))
    assert np.array_equal(kept(DETECTOR, *drawing, Invert()), ~kept(*drawing) & kept(DETECTOR))


@given(st.lists(shapes(), min_size=1, max_size=3), st.floats(1, 30))
def test_grow_and_shrink_go_by_the_distance_between_centres(drawing, reach):
    out = ~kept(*drawing)
    far = np.full(SHAPE, np.inf)
    beside = ndimage.distance_transform_edt(~out) if out.any() else far
    within = ndimage.distance_transform_edt(out) if not out.all() else far
    reach = round(reach, 3)
    assert np.array_equal(~kept(*drawing, Grow(pixels=reach)), beside <= reach)
    assert np.array_equal(~kept(*drawing, Shrink(pixels=reach)), within > reach)


@given(shapes(frames=("beam",)), st.integers(-6, 6), st.integers(-6, 6))
def test_a_shape_in_the_frame_of_the_beam_moves_with_it(shape, down, right):
    moved = ~kept(shape, qmap=q_map(geometry(row=8 + down, column=11 + right)))
    there, here = np.zeros(SHAPE, bool), ~kept(shape)
    rows, columns = SHAPE
    there[max(down, 0) : rows + down, max(right, 0) : columns + right] = here[
        max(-down, 0) : rows - down, max(-right, 0) : columns - right
    ]
    common = np.zeros(SHAPE, bool)
    common[max(down, 0) : rows + down, max(right, 0) : columns + right] = True
    assert np.array_equal(moved & common, there)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_the_beam_of_a_shape_is_the_direct_beam_with_its_swing(horizontal, vertical):
    swung = geometry(
        distance=0.002, swing_angle_horizontal=horizontal / 20, swing_angle_vertical=vertical / 20
    )
    column, row = swung.direct_beam
    there = Circle(row=row, column=column, radius=4.3)
    beside = kept(Circle(row=0, column=0, radius=4.3, frame="beam"), qmap=q_map(swung))
    assert np.count_nonzero(beside != kept(there)) <= 1  # a centre on the outline


@given(st.floats(0.1, 1.5), st.floats(-180, 180))
def test_a_circle_in_q_holds_what_lies_below_its_radius(radius, angle):
    qmap = q_map(geometry(swing_angle_horizontal=0.01))
    q, phi = qmap["q"], np.radians(qmap["phi"])
    radius = radius * float(q.max())
    assert np.array_equal(~kept(Circle(row=0, column=0, radius=radius, frame="q"), qmap=qmap), q < radius)
    row, column = -0.4 * q.max() * np.sin(np.radians(angle)), 0.4 * q.max() * np.cos(np.radians(angle))
    away = Circle(row=row, column=column, radius=radius, frame="q")
    distance = np.hypot(-q * np.sin(phi) - row, q * np.cos(phi) - column)
    assert np.count_nonzero(~kept(away, qmap=qmap) != (distance < radius)) <= 1  # a centre on the outline


SCRIPT = """
import json, sys
from xpcs_mask_bluesky import evaluate
from xpcs_mask_bluesky.masks import operation_from_json
told = json.load(sys.stdin)
print(evaluate([operation_from_json(each) for each in told], shape=(200, 300)).digest)
"""


def test_a_processor_without_vector_instructions_makes_the_same_digest():
    angles = np.linspace(0, 360, 40)
    told = [Rectangle(row=99.7 + a / 9, column=3 * a / 4, height=31.1, width=5.3, angle=a) for a in angles]
    told += [Eraser(shape=Circle(row=100, column=150, radius=33.3)), Grow(pixels=2.5)]
    stored = json.dumps([each.model_dump(mode="json") for each in told])
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4"}
    there = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT],
        input=stored,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert there.stdout.strip() == evaluate(told, shape=(200, 300)).digest
