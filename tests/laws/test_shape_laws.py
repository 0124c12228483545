"""What lies inside a shape, against exact arithmetic on one point after the other."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.operations import SHAPE, angles, shapes
from xpcs_mask_bluesky import Circle, Ellipse, Line, Polygon, Rectangle, evaluate
from xpcs_mask_bluesky.masks.raster import turn

pytestmark = pytest.mark.filterwarnings("ignore:.*off the detector")


def rejected(*operations, **context) -> np.ndarray:
    return ~np.asarray(evaluate(operations, shape=SHAPE, **context))


def exact(*values: float) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in values)


def own_axes(shape, row, column):
    """The point from the centre, turned back in 60 digits; None for each coordinate too near to call."""
    down, right = row - Fraction(shape.row), column - Fraction(shape.column)
    quarter, rest = divmod(Fraction(shape.angle), 90)
    if rest == 0:
        return [(down, right), (right, -down), (-down, -right), (-right, down)][quarter % 4]
    with mpmath.workdps(60):
        angle = mpmath.radians(mpmath.mpf(rest.numerator) / rest.denominator + 90 * int(quarter % 4))
        down, right = (mpmath.mpf(each.numerator) / each.denominator for each in (down, right))
        turned = (
            mpmath.cos(angle) * down + mpmath.sin(angle) * right,
            mpmath.cos(angle) * right - mpmath.sin(angle) * down,
        )
        return tuple(Fraction(*mpmath.libmp.to_rational(each._mpf_)) for each in turned)


def margin(shape, row: int, column: int):
    """Positive inside, zero on the outline, negative outside."""
    match shape:
        case Circle():
            r, c, radius = exact(shape.row, shape.column, shape.radius)
            return radius**2 - (row - r) ** 2 - (column - c) ** 2
        case Rectangle():
            along, across = own_axes(shape, row, column)
            return min(Fraction(shape.height) / 2 - abs(along), Fraction(shape.width) / 2 - abs(across))
        case Ellipse():
            along, across = own_axes(shape, row, column)
            a, b = Fraction(shape.semi_row), Fraction(shape.semi_column)
            return a * a * b * b - along * along * b * b - across * across * a * a
        case Line():
            (r, c), (end_r, end_c) = exact(*shape.start), exact(*shape.end)
            squared = (end_r - r) ** 2 + (end_c - c) ** 2
            along = (row - r) * (end_r - r) + (column - c) * (end_c - c)
            across = (row - r) * (end_c - c) - (column - c) * (end_r - r)
            return min(along, squared - along, Fraction(shape.width) ** 2 / 4 * squared - across**2)
        case Polygon():
            return in_polygon([exact(*vertex) for vertex in shape.vertices], row, column)


def in_polygon(vertices, row, column):
    """Count the edges *below* the point (ours counts those to its right)."""
    crossed = 0
    for (r, c), (next_r, next_c) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
        side = (next_c - c) * (row - r) - (next_r - r) * (column - c)
        within = min(r, next_r) <= row <= max(r, next_r) and min(c, next_c) <= column <= max(c, next_c)
        if side == 0 and within:
            return 0
        if (c <= column) != (next_c <= column):
            crossed += r + (column - c) * (next_r - r) / (next_c - c) > row
    return 1 if crossed % 2 else -1


@given(shapes())
def test_a_pixel_is_rejected_exactly_when_its_centre_lies_strictly_inside(shape):
    found = rejected(shape)
    for row, column in np.ndindex(*SHAPE):
        distance = margin(shape, row, column)
        turned = getattr(shape, "angle", 0) % 90 != 0
        if turned and abs(distance) < 1e-9:
            continue  # a turned outline passes too near for float64 to tell
        assert found[row, column] == (distance > 0), (row, column)


@given(st.floats(-1e4, 1e4))
def test_cosine_and_sine_are_correctly_rounded(angle):
    with mpmath.workdps(60):
        radians = mpmath.radians(mpmath.mpf(angle))
        expected = float(mpmath.cos(radians)), float(mpmath.sin(radians))
    assert turn(angle) == pytest.approx(expected, rel=0, abs=1e-40)


@given(st.integers(-80, 80))
def test_a_quarter_turn_is_exact(quarter):
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter % 4]
    assert turn(90.0 * quarter) == (cosine, sine)


@given(shapes(), shapes(modes=("exclusive",)))
def test_what_two_shapes_reject_is_their_union_in_either_order(first, second):
    both = rejected(first, second)
    assert np.array_equal(both, rejected(first) | rejected(second))
    assert np.array_equal(both, rejected(second, first))


@given(shapes(), shapes())
def test_inclusive_shapes_together_keep_their_union(first, second):
    only = [each.model_copy(update={"mode": "inclusive"}) for each in (first, second)]
    assert np.array_equal(rejected(only[0]), ~rejected(first))
    assert np.array_equal(rejected(*only), ~(rejected(first) | rejected(second)))


@given(
    st.builds(
        Ellipse,
        row=st.just(8.25),
        column=st.just(11.5),
        semi_row=st.just(6.5),
        semi_column=st.just(6.5),
        angle=angles,
    )
)
def test_a_round_ellipse_is_a_circle_however_it_is_turned(ellipse):
    circle = Circle(row=8.25, column=11.5, radius=6.5)
    if ellipse.angle % 90 == 0:
        assert np.array_equal(rejected(ellipse), rejected(circle))
    assert np.count_nonzero(rejected(ellipse) != rejected(circle)) <= 8  # centres on the outline


def test_a_polygon_of_the_corners_is_the_rectangle():
    corners = ((7.5, 16.5), (7.5, 24.5), (13.5, 24.5), (13.5, 16.5))
    there = evaluate([Polygon(vertices=corners)], shape=(30, 40))
    assert there == evaluate([Rectangle(row=10.5, column=20.5, height=6, width=8)], shape=(30, 40))
    assert there.counted == 1200 - 48
