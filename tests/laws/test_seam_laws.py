"""Pixels on the seam of φ and on the beam: the fast path gives them the bins that the Q-map's values give."""

import math

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, q_map
from xpcs_mask_bluesky.partitions import resolve
from xpcs_mask_bluesky.partitions.make import _fast_labels, _generic_labels

SHAPE = (20, 24)
DISTANCE, PIXEL = 5.0, 75e-6
ALL = np.ones(SHAPE, dtype=bool)
nothing_much = st.sampled_from(
    [0.0, 5e-324, 1e-310, 1.1e-308, 3e-308, 1e-160, 1e-41, 1.7e-34, 1e-16, 1e-13, 1e-9]
)
swings = st.sampled_from([0.0, 1e-300, 1e-15, 1e-9, 0.02, 1.0, 40.0])
signs = st.sampled_from([-1.0, 1.0])
turns = st.sampled_from([(0.0, 1), (180.0, 1), (33.3, 1), (1e5 + 0.1, 1), (0.0, 2), (-700.0, 6), (90.0, 3)])


@st.composite
def on_the_seam(draw):
    """A geometry whose direct beam lies on a pixel's row and column, or almost."""
    swing = {name: draw(signs) * draw(swings) for name in ("horizontal", "vertical")}
    h, v = (math.radians(each) for each in swing.values())
    beam = DISTANCE / PIXEL * math.tan(h) / math.cos(v), DISTANCE / PIXEL * math.tan(v)
    centre = [
        draw(st.integers(0, 19)) - draw(st.sampled_from([0.0, away])) + draw(signs) * draw(nothing_much)
        for away in beam
    ]
    return record(*centre, *swing.values())


def record(column, row, horizontal=0.0, vertical=0.0):
    return GeometryRecord(
        incident_energy=10.0,
        distance=DISTANCE,
        beam_center_x=column,
        beam_center_y=row,
        x_pixel_size=PIXEL,
        y_pixel_size=PIXEL,
        shape=SHAPE,
        swing_angle_horizontal=horizontal,
        swing_angle_vertical=vertical,
    )


def recipe(bins, turned, part=1.0):
    begin, period = (-180.0, 360.0) if turned[1] == 1 else (0.0, 360.0 / turned[1])
    ranges = {"q": (0.0, 0.002), "phi": (begin + period * (1 - part), begin + period)}
    numbers = {"dynamic": (2, bins), "static": (2, bins)}
    return PartitionRecipe(**numbers, ranges=ranges, phi_offset=turned[0], symmetry_fold=turned[1])


def same_both_ways(record, recipe):
    qmap = q_map(record)
    resolved = recipe.model_copy(update={"ranges": recipe.ranges | {"q": (0.0, float(qmap["q"].max()))}})
    resolved = resolved.resolve(qmap, ALL)
    fast, generic = _fast_labels(qmap, ALL, resolved), _generic_labels(qmap, ALL, resolved)
    if fast is not None:
        assert np.array_equal(fast.static_roi_map, generic.static_roi_map)
        assert np.array_equal(fast.static_counts, generic.static_counts)
    return fast is not None


@settings(max_examples=150, deadline=None)
@given(
    record=on_the_seam(),
    bins=st.sampled_from([1, 2, 7, 8, 36]),
    turned=turns,
    part=st.sampled_from([1.0, 0.5]),
)
@example(record=record(12.0, 1.1e-308, 1.0), bins=8, turned=(0.0, 1), part=1.0)
@example(record=record(12.0, 1.1e-308), bins=8, turned=(0.0, 1), part=1.0)
@example(record=record(0.0, 1e-308), bins=8, turned=(0.0, 1), part=1.0)
@example(record=record(1e-308, 2e-308), bins=8, turned=(0.0, 1), part=1.0)
@example(record=record(1e-34, 1.7e-34), bins=7, turned=(0.0, 1), part=1.0)
def test_a_pixel_on_the_seam_lies_where_its_own_value_puts_it(record, bins, turned, part):
    same_both_ways(record, recipe(bins, turned, part))


def test_the_seam_is_no_reason_to_leave_the_fast_path():
    for turned in [(0.0, 1), (33.3, 1), (0.0, 2)]:
        assert same_both_ways(record(12.0, 10.0), recipe(8, turned))
        assert same_both_ways(record(12.0, 10.0, -0.02), recipe(8, turned))


@settings(max_examples=60, deadline=None)
@given(record=on_the_seam(), turned=turns)
@example(record=record(12.0, 1.1e-308, 1.0), turned=(0.0, 1))
@example(record=record(1e-308, 2e-308), turned=(0.0, 1))
def test_limits_of_a_mask_on_the_seam_are_those_of_its_pixels(record, turned):
    qmap, asked = q_map(record), recipe(1, turned)
    for axis in ("q", "phi"):
        by_tiles = resolve._by_tiles(axis, asked, qmap, ALL)
        assert by_tiles in (None, resolve._by_all(axis, asked, qmap, ALL))
