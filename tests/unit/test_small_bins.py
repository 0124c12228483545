"""Bins below a minimum, on cells whose pixels can be counted by hand: six of 3 × 3."""

import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=4.0,
    beam_center_y=3.0,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=(6, 9),
)
ALL = np.ones(RECORD.shape, bool)


def made(mask=ALL, dynamic=(1, 1), resolved=None, **fields):
    recipe = PartitionRecipe(
        axes=("x", "y"),
        dynamic=dynamic,
        static=(3, 2),
        ranges={"x": (-0.5, 8.5), "y": (-0.5, 5.5)},
        **fields,
    )
    return partition(q_map(RECORD), mask, recipe, resolved=resolved)


@pytest.mark.parametrize(
    ("minimum", "merged", "counts"),
    [
        (9, (), [9] * 6),
        (10, ((1, 0), (3, 2), (5, 4)), [18, 18, 18]),
        (19, ((1, 0), (3, 0), (4, 2), (5, 2)), [27, 27]),
        (28, ((1, 0), (2, 0), (3, 0), (4, 0), (5, 0)), [54]),
    ],
)
def test_bins_are_taken_together_to_and_fro_until_they_have_enough(minimum, merged, counts):
    part = made(minimum_pixels=minimum, small_bins="merge")
    assert part.recipe.merged == merged
    assert part.static.counts.tolist() == counts
    gone = {each for each, _ in merged}
    assert part.static.index_mapping.tolist() == [each for each in range(6) if each not in gone]
    assert part.small_bins.merged == dict(merged)
    assert not part.small_bins.static


def test_no_bin_is_merged_across_a_dynamic_bin_and_what_stays_small_is_listed():
    part = made(dynamic=(3, 2), minimum_pixels=10, small_bins="merge")
    assert part.recipe.merged == ()
    assert part.small_bins.static == dict.fromkeys(range(6), 9)
    assert part.small_bins.dynamic == dict.fromkeys(range(6), 9)


def test_merged_bins_have_the_index_of_the_fullest_and_their_own_means():
    mask = ALL.copy()
    mask[:3, :3] = False
    mask[0, 0] = True  # cell 0 keeps one pixel
    part = made(mask, dynamic=(3, 1), minimum_pixels=5, small_bins="merge")
    assert part.recipe.merged == ((0, 1),)
    assert part.static.counts[0] == 10
    assert part.static.centers[1].tolist() == [1.0, 4.0]
    assert part.static.means[1][0] == pytest.approx((9 * 4 + 0) / 10)
    later = made(ALL, dynamic=(3, 1), resolved=part.recipe, minimum_pixels=5, small_bins="merge")
    assert later.static.counts.tolist() == [18, 9, 9, 9, 9]  # it stays merged, so that no pixel moves


def test_dropped_bins_do_not_count_and_come_back_with_their_pixels():
    mask = ALL.copy()
    mask[:3, :3] = False
    mask[0, 0] = True
    part = made(mask, dynamic=(3, 2), minimum_pixels=5, small_bins="drop")
    assert part.small_bins.dropped == {0: 1}
    assert not part.mask[0, 0]
    assert part.dynamic.index_mapping.tolist() == part.static.index_mapping.tolist() == [1, 2, 3, 4, 5]
    assert str(part.small_bins) == "fewer than 5 pixels: 1 static bins dropped: 0"
    later = made(ALL, dynamic=(3, 2), resolved=part.recipe, minimum_pixels=5, small_bins="drop")
    assert later.mask.all()
    assert not later.small_bins.dropped


def test_kept_bins_are_listed_only():
    mask = ALL.copy()
    mask[:3, :3] = False
    mask[0, 0] = True
    part = made(mask, minimum_pixels=5)
    assert part.small_bins.static == {0: 1}
    assert not part.small_bins.dynamic
    assert np.array_equal(part.mask, mask)
    assert np.array_equal(part.static_roi_map, made(mask).static_roi_map)
