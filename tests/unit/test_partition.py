"""Edges, centres and everything that has no partition."""

import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions import natural_static_index
from xpcs_mask_bluesky.partitions.natural import natural_index_map

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.0,
    beam_center_y=21.0,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=SHAPE,
)
QMAP = q_map(RECORD)
ALL = np.ones(SHAPE, bool)


def made(mask=ALL, **recipe):
    return partition(QMAP, mask, PartitionRecipe(**({"dynamic": (3, 2), "static": (9, 4)} | recipe)))


def test_logarithmic_bins_are_equal_in_ratio():
    part = made(spacing="log", ranges={"q": (0.001, 0.02)})
    edges = part.static.edges[0]
    assert edges[0] == 0.001
    assert edges[-1] == 0.02
    np.testing.assert_allclose(edges[1:] / edges[:-1], 20 ** (1 / 9), rtol=1e-12)
    np.testing.assert_allclose(part.static.centers[0], np.sqrt(edges[1:] * edges[:-1]), rtol=1e-15)


def test_dynamic_edges_are_bit_for_bit_among_the_static_ones():
    part = made(edges={"q": (0.001, 0.004, 0.005, 0.02)})
    assert part.dynamic.edges[0].tolist() == [0.001, 0.004, 0.005, 0.02]
    assert part.static.edges[0][::3].tolist() == part.dynamic.edges[0].tolist()


def test_uneven_static_edges_may_be_given_with_the_dynamic_ones():
    part = made(
        dynamic=(2, 1),
        static=(3, 1),
        edges={"q": (0.001, 0.01, 0.02)},
        static_edges={"q": (0.001, 0.002, 0.01, 0.02)},
    )
    part.check()
    assert part.static.counts.sum() == part.dynamic.counts.sum()


def test_an_empty_bin_keeps_its_centre_and_gets_no_label():
    part = made(ranges={"q": (0.0, 0.06)})
    assert len(part.dynamic.centers[0]) == 3
    assert part.dynamic.index_mapping.tolist() == [0, 1, 2, 3]
    assert part.dynamic_roi_map.dtype == np.uint8


def test_symmetric_pixels_share_a_folded_bin():
    part = made(phi_offset=15.0, symmetry_fold=2)
    label = part.dynamic_roi_map
    rows, columns = np.mgrid[-15:16, -15:16]
    square = label[21 + rows, 33 + columns]
    centre = (rows == 0) & (columns == 0)
    assert np.array_equal(square[~centre], square[::-1, ::-1][~centre])


def test_a_resolved_recipe_resolves_to_itself_and_keeps_what_was_asked():
    part = made()
    assert part.recipe.is_resolved
    assert part.recipe.resolve(QMAP, ALL) == part.recipe
    assert not part.requested.is_resolved


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"static": (10, 4)}, "try 12"),
        ({"axes": ("q", "q")}, "two different"),
        ({"edges": {"q": (0.0, 0.2, 0.1, 0.3)}}, "increase strictly"),
        ({"edges": {"q": (0.0, 0.1)}}, "3 bins have 4"),
        ({"ranges": {"qz": (0, 1)}}, "no axis of this recipe"),
        ({"ranges": {"q": (1, 1)}}, "increase strictly"),
        ({"spacing": "log", "ranges": {"q": (0, 1)}}, "positive limit"),
        ({"dynamic": (0, 1)}, "dynamic"),
        ({"symmetry_fold": 0}, "symmetry_fold"),
        ({"static": (2**20, 2**20)}, "more bins"),
    ],
)
def test_a_wrong_recipe_is_refused(recipe, said):
    with pytest.raises(ValueError, match=said):
        made(**recipe)


@pytest.mark.parametrize(
    ("mask", "recipe", "said"),
    [
        (np.zeros(SHAPE, bool), {}, "no pixel"),
        (np.ones(SHAPE[::-1], bool), {}, "transposed"),
        (np.ones((3, 3), bool), {}, "another detector"),
        (np.ones(SHAPE, int), {}, "expected bool"),
        (ALL, {"static": (90, 60)}, "more than the"),
        (ALL, {"spacing": "log"}, "mask the direct beam"),
        (ALL, {"axes": ("q", "qz")}, "no axis 'qz'"),
        (ALL, {"ranges": {"q": (5.0, 6.0)}}, "no counted pixel falls into a bin"),
    ],
)
def test_what_has_no_partition_says_why(mask, recipe, said):
    with pytest.raises(ValueError, match=said):
        made(mask, **recipe)


@pytest.mark.parametrize(
    "static", [(10, 25), (2, 127), (15, 17), (217, 302), (255, 257), (256, 256), (300, 300)]
)
def test_however_many_bins_there_are_a_pixel_has_the_bin_of_its_value(static):
    """The compiled labels take a larger type when there are more bins, up to 32 bits."""
    shape = (400, 400)
    record = RECORD.model_copy(update={"shape": shape, "beam_center_x": 190.3, "beam_center_y": 210.2})
    recipe = PartitionRecipe(
        dynamic=(1, 1), static=static, ranges={"q": (0.0001, 0.1), "phi": (-180.0, 180.0)}
    )
    qmap, mask = q_map(record), np.ones(shape, bool)
    assert natural_index_map(record, recipe.resolve(qmap, mask)) is not None
    part = partition(qmap, mask, recipe)
    natural = natural_static_index(qmap, part.recipe)
    found = np.append(part.static_index_mapping.astype(int), -1)[part.static_roi_map.astype(int) - 1]
    assert np.array_equal(found, natural)
