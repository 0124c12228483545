"""Partitions combined and compared: against numpy formulas written anew from the label maps."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import SHAPE, finite, masks
from tests.laws.test_partition_axes import made, wide
from xpcs_mask_bluesky import GeometryRecord, Group, PartitionRecipe, partition, q_map

ALL = np.ones(SHAPE, bool)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=0.5,
    beam_center_x=4.2,
    beam_center_y=2.7,
    x_pixel_size=5e-3,
    y_pixel_size=5e-3,
    shape=SHAPE,
)


def natural(part, kind="static"):
    """Return the natural index of each pixel, -1 for none."""
    labels, bins = getattr(part, f"{kind}_roi_map"), getattr(part, kind)
    return np.append(bins.index_mapping.astype(int), -1)[labels.astype(int) - 1]


@settings(max_examples=30, deadline=None)
@given(record=wide, mask=masks, other_mask=masks, fold=st.integers(1, 3), offset=finite(-180, 180))
def test_two_axes_cross_where_both_count(record, mask, other_mask, fold, offset):
    assume((mask & other_mask).sum() > 8)
    rings = made(record, mask, PartitionRecipe(axes=("q",), dynamic=2, static=4, spacing="linear"))
    sectors = made(
        record,
        other_mask,
        PartitionRecipe(axes=("phi",), dynamic=1, static=2, phi_offset=offset, symmetry_fold=fold),
    )
    both = rings.combine(sectors)
    both.check()
    assert np.array_equal(both.mask, rings.mask & sectors.mask)
    for kind in ("dynamic", "static"):
        columns = getattr(sectors, kind).num_pts[0]
        joined = natural(rings, kind) * columns + natural(sectors, kind)
        assert np.array_equal(natural(both, kind), np.where(both.mask, joined, -1))
        bins = getattr(both, kind)
        assert bins.num_pts == (getattr(rings, kind).num_pts[0], columns)
        assert np.array_equal(bins.index_mapping, np.unique(joined[both.mask]))
        assert np.array_equal(bins.centers[0], getattr(rings, kind).centers[0])
        assert np.array_equal(bins.centers[1], getattr(sectors, kind).centers[0])
        assert bins.counts.tolist() == [int((joined[both.mask] == each).sum()) for each in bins.index_mapping]
    # the same bins asked for directly make the same partition, digest and all
    again = partition(q_map(record), both.mask, both.requested)
    assert again.digest == both.digest
    reverse = sectors.combine(rings)
    assert np.array_equal(reverse.mask, both.mask)
    rows, columns = both.static.num_pts
    swapped = natural(reverse) % rows * columns + natural(reverse) // rows
    assert np.array_equal(swapped[both.mask], natural(both)[both.mask])


@settings(max_examples=30, deadline=None)
@given(record=wide, mask=masks, other_mask=masks, parts=st.tuples(*[st.integers(1, 2)] * 4))
def test_groups_stand_side_by_side(record, mask, other_mask, parts):
    top = float(q_map(record)["q"].max())
    inner = {"q": (0.0, 0.5 * top), "phi": (-180.0, 180.0)}
    outer = {"q": (0.5 * top, 0.9 * top), "phi": (170.0, 530.0)}
    first, second = (
        made(
            record,
            each,
            PartitionRecipe(dynamic=numbers, static=tuple(2 * n for n in numbers), ranges=limits),
        )
        for each, numbers, limits in ((mask, parts[:2], inner), (other_mask, parts[2:], outer))
    )
    try:
        both = first.combine(second, names=("inner", "outer"))
    except ValueError as error:
        assume("fewer bins" not in str(error))
        raise
    both.check()
    # on the common edge, and where the angle starts anew, a last digit decides
    border = abs(q_map(record)["q"] - 0.5 * top) <= 1e-9 * top
    border |= abs(abs(q_map(record)["phi"]) - 180) < 1e-9
    assert np.array_equal((both.mask & ~border), (first.mask | second.mask) & ~border)
    for kind in ("dynamic", "static"):
        one, other, bins = (getattr(part, kind) for part in (first, second, both))
        columns = one.num_pts[1] + other.num_pts[1]
        assert bins.num_pts == (one.num_pts[0] + other.num_pts[0], columns)
        for part, start in ((first, (0, 0)), (second, one.num_pts)):
            own, size = natural(part, kind), getattr(part, kind).num_pts
            moved = (own // size[1] + start[0]) * columns + own % size[1] + start[1]
            inside = part.mask & ~border
            assert np.array_equal(natural(both, kind)[inside], moved[inside])
        for dimension in (0, 1):
            together = np.concatenate([one.centers[dimension], other.centers[dimension]])
            assert np.array_equal(bins.centers[dimension], together)
    assert [each.name for each in both.recipe.groups] == ["inner", "outer"]


@settings(max_examples=40, deadline=None)
@given(record=wide, mask=masks, other_mask=masks, numbers=st.tuples(st.integers(1, 3), st.integers(1, 2)))
def test_a_difference_tells_every_pixel_that_came_or_went(record, mask, other_mask, numbers):
    assume(other_mask.any())
    recipe = PartitionRecipe(dynamic=numbers, static=tuple(2 * n for n in numbers))
    first = made(record, mask, recipe)
    try:
        second = partition(q_map(record), other_mask, recipe, resolved=first.recipe)
    except ValueError as error:
        assume("fewer bins" not in str(error) and "falls into a bin" not in str(error))
        raise
    found = first.diff(second)
    assert np.array_equal(found.gained, second.mask & ~first.mask)
    assert np.array_equal(found.lost, first.mask & ~second.mask)
    assert found.same_edges
    assert not found.static.moved.any()  # a mask moves no pixel to another bin
    for kind in ("dynamic", "static"):
        before, after = natural(first, kind), natural(second, kind)
        changes = getattr(found, kind).bins
        for index in range(int(np.prod(getattr(first, kind).num_pts))):
            had, has = before == index, after == index
            labels = [
                int(getattr(part, f"{kind}_roi_map")[where].max(initial=0))
                for part, where in ((first, had), (second, has))
            ]
            if not (had ^ has).any() and labels[0] == labels[1]:
                assert index not in changes
                continue
            change = changes[index]
            assert [change.label, change.new_label] == labels
            assert (change.pixels, change.came, change.went) == (
                had.sum(),
                (has & ~had).sum(),
                (had & ~has).sum(),
            )
    assert not first.diff(first)
    assert bool(found) == (first.digest != second.digest)
    back = second.diff(first)
    assert np.array_equal(back.gained, found.lost)
    assert {k: (v.came, v.went) for k, v in back.static.bins.items()} == {
        k: (v.went, v.came) for k, v in found.static.bins.items()
    }


@settings(max_examples=40, deadline=None)
@given(
    record=wide, mask=masks, smaller=masks, minimum=st.integers(2, 6), how=st.sampled_from(["drop", "merge"])
)
def test_small_bins_are_dropped_or_merged_and_no_mask_moves_a_pixel(record, mask, smaller, minimum, how):
    assume((mask & smaller).any())
    plain = PartitionRecipe(dynamic=(2, 2), static=(6, 6))
    asked = PartitionRecipe(dynamic=(2, 2), static=(6, 6), minimum_pixels=minimum, small_bins=how)
    whole = made(record, mask, plain)
    try:
        part = partition(q_map(record), mask, asked)
    except ValueError as error:
        assume("all are dropped" not in str(error))
        raise
    part.check()
    assert part.recipe.resolve(q_map(record), mask) == part.recipe
    fine, was = (
        natural(whole),
        dict(zip(whole.static.index_mapping.tolist(), whole.static.counts, strict=True)),
    )
    if how == "drop":
        dropped = {index: pixels for index, pixels in was.items() if pixels < minimum}
        assert part.small_bins.dropped == dropped
        assert np.array_equal(natural(part), np.where(np.isin(fine, list(dropped)), -1, fine))
        assert part.static.counts.min() >= minimum
    else:
        into = {index: part.small_bins.merged.get(index, index) for index in was}
        assert np.array_equal(natural(part), np.vectorize(lambda n: into.get(n, -1))(fine))
        assert np.array_equal(natural(part, "dynamic"), natural(whole, "dynamic"))
        for index, pixels in part.small_bins.static.items():  # what is still small is a whole dynamic bin
            parent = natural(part, "dynamic")[natural(part) == index][0]
            assert pixels == (natural(whole, "dynamic") == parent).sum()
    try:
        after = partition(q_map(record), mask & smaller, asked, resolved=part.recipe)
    except ValueError as error:
        assume(not any(each in str(error) for each in ("all are dropped", "fewer bins")))
        raise
    both = part.mask & after.mask
    assert np.array_equal(natural(after)[both], natural(part)[both])


def test_a_masked_bin_shifts_labels_but_moves_no_pixel():
    recipe = PartitionRecipe(axes=("y",), dynamic=3, static=6, ranges={"y": (-0.5, 5.5)})
    whole = partition(q_map(RECORD), ALL, recipe)
    mask = ALL.copy()
    mask[:2] = False
    found = whole.diff(partition(q_map(RECORD), mask, recipe))
    assert found.dynamic.relabelled
    assert not found.dynamic.moved.any()
    assert found.dynamic.bins[0].new_label == 0
    assert (found.dynamic.bins[2].label, found.dynamic.bins[2].new_label) == (3, 2)
    assert "0 pixels more, 18 fewer" in str(found)
    assert "labels shift" in str(found)


def test_another_geometry_moves_pixels_and_that_is_told_by_bin():
    recipe = PartitionRecipe(dynamic=(3, 2), static=(6, 4), ranges={"q": (0.0, 0.8), "phi": (-180.0, 180.0)})
    part = partition(q_map(RECORD), ALL, recipe)
    other = partition(q_map(RECORD.model_copy(update={"beam_center_x": 4.9})), ALL, recipe)
    found = part.diff(other)
    assert found.same_edges
    assert np.array_equal(found.static.moved, (natural(part) != natural(other)) & part.mask & other.mask)
    assert found.static.moved.any()


def test_a_turned_azimuth_has_other_edges():
    limits = {"q": (0.0, 0.8), "phi": (-180.0, 180.0)}
    plain, turned = (
        partition(
            q_map(RECORD),
            ALL,
            PartitionRecipe(dynamic=(1, 2), static=(1, 4), ranges=limits, phi_offset=offset),
        )
        for offset in (0.0, 30.0)
    )
    assert not plain.diff(turned).same_edges
    assert plain.diff(turned)
    assert "the edges differ" in str(plain.diff(turned))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"axes": ("qr", "phi")}, "axes differ"),
        ({"dynamic": (1, 2)}, "dynamic numbers of bins differ"),
        ({"static": (12, 4)}, "static numbers of bins differ"),
    ],
)
def test_other_bins_are_not_compared(change, said):
    recipe = {"dynamic": (2, 2), "static": (4, 4)}
    one, other = (partition(q_map(RECORD), ALL, PartitionRecipe(**(recipe | each))) for each in ({}, change))
    with pytest.raises(ValueError, match=said):
        one.diff(other)


def over(axis="q", record=RECORD, mask=ALL, blemish=None, **recipe):
    return partition(
        q_map(record), mask, PartitionRecipe(axes=(axis,), **({"dynamic": 2, "static": 2} | recipe)), blemish
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: over("phi", RECORD.model_copy(update={"distance": 0.6})), "geometry differs"),
        (lambda: over("phi", blemish=ALL & (np.arange(9) > 0)), "blemishes differ"),
        (lambda: over("q", ranges={"q": (0.1, 0.9)}), "overlap"),
        (lambda: over("phi", minimum_pixels=2, small_bins="drop"), "small_bins='drop'"),
        (
            lambda: partition(q_map(RECORD), ALL, PartitionRecipe(dynamic=(1, 1), static=(1, 1))),
            "do not combine",
        ),
    ],
)
def test_what_does_not_combine_says_why(other, said):
    with pytest.raises(ValueError, match=said):
        over().combine(other())


def test_groups_with_other_turns_do_not_stand_side_by_side():
    one = over("phi", phi_offset=10.0, ranges={"phi": (-180.0, 0.0)})
    with pytest.raises(ValueError, match="phi_offset differs"):
        one.combine(over("phi", ranges={"phi": (0.0, 180.0)}))


def test_combined_groups_take_further_groups():
    low = over(ranges={"q": (0.0, 0.1)}).combine(over(ranges={"q": (0.1, 0.15)}))
    three = low.combine(over(ranges={"q": (0.2, 0.25)}), names=("", "third"))
    assert [each.name for each in three.recipe.groups] == ["first", "second", "third"]
    assert three.num_pts == (6, 1)
    with pytest.raises(ValueError, match="several groups are named 'first'"):
        low.combine(over(ranges={"q": (0.2, 0.25)}), names=("x", "first"))


def test_a_pixel_on_a_common_edge_belongs_to_the_group_that_begins_there():
    groups = [
        Group(name="left", ranges={"x": (0.0, 4.0)}, dynamic=2, static=2),
        Group(name="right", ranges={"x": (4.0, 8.0)}, dynamic=2, static=2),
    ]
    for order in (groups, groups[::-1]):
        part = partition(q_map(RECORD), ALL, PartitionRecipe(axes=("x",), groups=order))
        first = order[0].name == "left"
        assert natural(part)[0].tolist() == [
            each if first else (each + 2) % 4 for each in (0, 0, 1, 1, 2, 2, 3, 3, 3)
        ]
