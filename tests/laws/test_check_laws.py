"""A partition is taken exactly if everything holds that must hold, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions import Partition

SHAPE = (24, 30)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=14.2,
    beam_center_y=11.1,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=SHAPE,
)
RECIPE = PartitionRecipe(dynamic=(3, 2), static=(9, 4))
GOOD = np.arange(720).reshape(SHAPE) % 31 > 0
PART = partition(q_map(RECORD), GOOD & (np.indices(SHAPE)[1] > 2), RECIPE, blemish=GOOD)
MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")
MAPPINGS = ("dynamic_index_mapping", "static_index_mapping")


def stored():
    return {name: np.array(getattr(PART, name)) for name in (*MAPS, *MAPPINGS)}


def right(arrays):
    """Return whether all holds, by the rules as they are written, one pixel after another."""
    static, dynamic = arrays["static_index_mapping"].tolist(), arrays["dynamic_index_mapping"].tolist()
    for mapping, size in ((static, 9 * 4), (dynamic, 3 * 2)):
        if mapping != sorted(set(mapping)) or mapping[0] < 0 or mapping[-1] >= size:
            return False
    fine, coarse = (set(arrays[name][arrays[name] > 0].tolist()) for name in MAPS[:1:-1])
    if fine != set(range(1, len(static) + 1)) or coarse != set(range(1, len(dynamic) + 1)):
        return False
    for mask, good, label, bin_ in zip(*(arrays[name].ravel().tolist() for name in MAPS), strict=True):
        if (label > 0) != mask or (bin_ > 0) != mask or (mask and not good):
            return False
        if mask:
            q, phi = divmod(static[bin_ - 1], 4)
            if dynamic[label - 1] != q // 3 * 2 + phi // 2:
                return False
    return True


def taken(arrays):
    try:
        Partition.from_arrays(record=RECORD, requested=RECIPE, recipe=PART.recipe, **arrays)
    except ValueError:
        return False
    return True


def test_what_was_made_is_taken():
    assert right(stored())
    assert taken(stored())


@given(
    name=st.sampled_from(MAPS),
    changes=st.lists(st.tuples(st.integers(0, 719), st.integers(0, 40)), min_size=1, max_size=3),
)
def test_a_map_with_other_pixels_is_taken_exactly_if_it_is_right(name, changes):
    arrays = stored()
    for pixel, value in changes:
        arrays[name].ravel()[pixel] = value
    assert taken(arrays) == right(arrays)


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 719), st.integers(0, 36), st.integers(0, 6)), min_size=1, max_size=3
    )
)
def test_pixels_moved_in_all_maps_are_taken_exactly_if_they_are_right(changes):
    arrays = stored()
    for pixel, static, dynamic in changes:
        arrays["static_roi_map"].ravel()[pixel] = static
        arrays["dynamic_roi_map"].ravel()[pixel] = dynamic
        arrays["mask"].ravel()[pixel] = static > 0
    assert taken(arrays) == right(arrays)


@given(name=st.sampled_from(MAPPINGS), index=st.integers(0, 50), value=st.integers(0, 40))
def test_a_mapping_with_another_index_is_taken_exactly_if_it_is_right(name, index, value):
    arrays = stored()
    arrays[name][index % len(arrays[name])] = value
    assert taken(arrays) == right(arrays)


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_that_lacks_a_label_or_has_one_more_is_not_taken(name):
    arrays = stored()
    assert not taken(arrays | {name: arrays[name][:-1]})
    assert not taken(arrays | {name: np.append(arrays[name], arrays[name][-1] + 1)})
    assert not taken(arrays | {name: arrays[name][:0]})
