"""Limits found tile by tile are those of the whole map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.strategies import finite
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, q_map
from xpcs_mask_bluesky.partitions import resolve
from xpcs_mask_bluesky.partitions.extremes import extremes

SHAPE = (61, 83)
centers = st.one_of(st.integers(-5, 90).map(float), finite(-60, 150))
angles = st.one_of(st.just(0.0), finite(-80, 80))
records = st.builds(
    GeometryRecord,
    incident_energy=finite(5, 30),
    distance=finite(0.02, 10),
    beam_center_x=centers,
    beam_center_y=centers,
    x_pixel_size=finite(1e-5, 2e-3),
    y_pixel_size=finite(1e-5, 2e-3),
    shape=st.just(SHAPE),
    swing_angle_horizontal=angles,
    swing_angle_vertical=angles,
)


@settings(max_examples=60)
@given(
    record=records,
    seed=st.integers(0, 99),
    counted=st.sampled_from([0.01, 0.3, 1.0]),
    turned=st.sampled_from([(0.0, 1), (33.3, 1), (0.0, 2), (-700.0, 6), (180.0, 3)]),
)
def test_the_limits_are_those_of_the_masks_pixels(record, seed, counted, turned):
    mask = np.random.default_rng(seed).random(SHAPE) < counted
    mask[30, 40] = True
    recipe = PartitionRecipe(dynamic=(1, 1), static=(1, 1), phi_offset=turned[0], symmetry_fold=turned[1])
    qmap = q_map(record)
    for axis in ("q", "phi"):
        by_tiles = resolve._by_tiles(axis, recipe, qmap, mask)
        assert by_tiles in (None, resolve._by_all(axis, recipe, qmap, mask))


@pytest.mark.parametrize("turned", [(0.0, 1), (20.0, 2)])
def test_the_limits_of_a_usual_mask_need_no_whole_map(turned):
    shape = (1024, 1024)
    record = GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=500.0,
        beam_center_y=520.3,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )
    mask = np.ones(shape, bool)
    mask[490:550, 470:530] = False  # a beam stop
    for axis in ("q", "phi"):
        least, largest = extremes(record, axis, mask, offset=turned[0], fold=turned[1])
        assert least.low <= least.high < largest.low <= largest.high
