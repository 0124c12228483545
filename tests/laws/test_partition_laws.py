"""Labels against a reference that compares exact fractions with the edges."""

from fractions import Fraction

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import SHAPE, finite, geometries, masks
from xpcs_mask_bluesky import PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions.bins import bin_index

recipes = st.builds(
    lambda n0, n1, m0, m1, spacing: PartitionRecipe(
        dynamic=(n0, n1), static=(n0 * m0, n1 * m1), spacing=spacing
    ),
    *[st.integers(1, 3)] * 4,
    st.sampled_from(["linear", "log"]),
)


def made(record, mask, recipe, **kwargs):
    """Return the partition, or discard what rightly has none."""
    assume(mask.any())
    try:
        return partition(q_map(record), mask, recipe, **kwargs)
    except ValueError as error:
        assume("fewer bins" not in str(error) and "edges or range" not in str(error))
        assume("log spacing" not in str(error) and "strictly" not in str(error))
        raise


def reference_bin(value: float, edges: tuple[float, ...]) -> int:
    """DESIGN's rule in exact arithmetic: half-open bins, 1e-12 of the range below an edge is on it."""
    exact, bounds = Fraction(value), [Fraction(edge) for edge in edges]
    reach = Fraction(1, 10**12) * (bounds[-1] - bounds[0])

    def reached(edge: Fraction) -> bool:
        return exact >= edge or edge - exact < reach

    if not reached(bounds[0]) or (exact > bounds[-1] and exact - bounds[-1] >= reach):
        return -1
    return min(sum(reached(edge) for edge in bounds) - 1, len(bounds) - 2)


@given(
    st.lists(finite(-10, 10), min_size=2, max_size=6, unique=True),
    st.data(),
)
def test_a_value_falls_into_the_bin_that_exact_arithmetic_gives(edges, data):
    edges = tuple(sorted(edges))
    span = edges[-1] - edges[0]
    assume(min(np.diff(edges)) > 1e-9 * span and span > 1e-6)
    near = st.builds(
        lambda edge, steps: edge + steps * span * 1e-13,
        st.sampled_from(edges),
        st.sampled_from([-20, -11, -9, -1, 0, 1, 9, 11, 20]),
    )
    values = data.draw(st.lists(st.one_of(near, finite(-12, 12)), min_size=1, max_size=20))
    tolerance = Fraction(1, 10**12) * Fraction(span)
    clear = [
        value
        for value in values  # the reference rounds nothing, e - reach does: stay a float's width away
        if all(abs(abs(Fraction(value) - Fraction(e)) - tolerance) > Fraction(1, 10**14) for e in edges)
    ]
    assume(clear)
    found = bin_index(np.array(clear), edges)
    assert found.tolist() == [reference_bin(value, edges) for value in clear]


@settings(max_examples=60, deadline=None)
@given(record=geometries, mask=masks, recipe=recipes)
def test_labels_are_those_of_the_stored_edges(record, mask, recipe):
    part = made(record, mask, recipe)
    qmap = q_map(record)
    edges = [part.recipe.static_edges[axis] for axis in part.recipe.axes]
    columns = part.recipe.static[1]
    for row, column in np.ndindex(SHAPE):
        bins = [
            reference_bin(qmap[axis][row, column], edge)
            for axis, edge in zip(part.recipe.axes, edges, strict=True)
        ]
        label = int(part.static_roi_map[row, column])
        if label:
            assert part.static_index_mapping[label - 1] == bins[0] * columns + bins[1]
        else:
            assert not mask[row, column] or -1 in bins


@settings(max_examples=60, deadline=None)
@given(record=geometries, mask=masks, blemish=masks, recipe=recipes)
def test_mask_labels_and_nesting_agree(record, mask, blemish, recipe):
    assume((mask & blemish).any())
    part = made(record, mask, recipe, blemish=blemish)
    part.check()
    assert np.array_equal(part.mask, part.dynamic_roi_map > 0)
    assert np.array_equal(part.mask, part.static_roi_map > 0)
    assert not (part.mask & ~blemish).any()
    assert set(np.unique(part.static_roi_map)) - {0} == set(range(1, len(part.static.counts) + 1))
    for static in range(1, len(part.static.counts) + 1):
        assert len(set(part.dynamic_roi_map[part.static_roi_map == static])) == 1


@settings(max_examples=60, deadline=None)
@given(record=geometries, mask=masks, smaller=masks, recipe=recipes)
def test_masking_more_moves_no_pixel_to_another_bin(record, mask, smaller, recipe):
    assume((mask & smaller).any())
    before = made(record, mask, recipe)
    after = made(record, mask & smaller, recipe, resolved=before.recipe)
    for part in (before, after):
        assert part.recipe == before.recipe
    both = after.mask
    natural = [
        part.static_index_mapping[part.static_roi_map[both].astype(int) - 1] for part in (before, after)
    ]
    assert np.array_equal(*natural)


@settings(max_examples=60, deadline=None)
@given(record=geometries, mask=masks, recipe=recipes)
def test_without_ranges_every_masked_in_pixel_gets_a_label(record, mask, recipe):
    part = made(record, mask, recipe)
    assert np.array_equal(part.mask, mask)


@settings(max_examples=40, deadline=None)
@given(record=geometries, fold=st.integers(1, 6), offset=finite(-180, 180), columns=st.integers(1, 3))
def test_centres_and_means_of_phi_lie_in_the_first_fold(record, fold, offset, columns):
    recipe = PartitionRecipe(dynamic=(1, columns), static=(1, columns), phi_offset=offset, symmetry_fold=fold)
    part = made(record, np.ones(SHAPE, bool), recipe)
    low, high = (0, 360 / fold) if fold > 1 else (-180, 180)
    for values in (part.dynamic.centers[1], part.dynamic.means[1]):
        assert ((values >= low) & (values <= high)).all()


@settings(max_examples=40, deadline=None)
@given(record=geometries, mask=masks, recipe=recipes)
def test_the_digest_tells_content_apart(record, mask, recipe):
    part = made(record, mask, recipe)
    assert made(record, mask.copy(), recipe).digest == part.digest
    moved = record.model_copy(update={"distance": record.distance * 2})
    assert made(moved, mask, recipe).digest != part.digest
