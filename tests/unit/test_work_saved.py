"""What a change recomputes: counted by the calls and the compilations of kernels, not by the clock."""

import gc
import weakref
from collections import Counter

import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions import counting, kernels, natural
from xpcs_mask_bluesky.partitions.make import _generic_labels
from xpcs_mask_bluesky.partitions.recent import Recent
from xpcs_mask_bluesky.qmap import maps, rows

SHAPE = (150, 170)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=80.3,
    beam_center_y=70.2,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=SHAPE,
)
RECIPE = PartitionRecipe(
    dynamic=(5, 2), static=(25, 4), ranges={"q": (0.0005, 0.005), "phi": (-180.0, 180.0)}
)
MASK = np.ones(SHAPE, bool)


def changed(**fields):
    return GeometryRecord.model_validate(RECORD.model_dump() | fields)


def labelled(record, mask=MASK, recipe=RECIPE):
    return partition(q_map(record), mask, recipe)


@pytest.fixture
def calls(monkeypatch):
    """How often each kernel ran since the first partition."""
    natural._natural.clear()
    natural._phi_bins.clear()
    counted = Counter()
    for name in ("phi_bins", "natural_labels"):
        kernel = getattr(kernels, name)

        def counting_kernel(*args, name=name, kernel=kernel, **kwargs):
            counted[name] += 1
            return kernel(*args, **kwargs)

        monkeypatch.setattr(natural, name, counting_kernel)
    labelled(RECORD)
    assert counted == {"phi_bins": 1, "natural_labels": 1}
    counted.clear()
    return counted


@pytest.mark.parametrize("fields", [{"incident_energy": 9.0}, {"incident_energy": 9.0, "distance": 4.0}])
def test_energy_and_distance_leave_the_azimuth(calls, fields):
    labelled(changed(**fields))
    assert calls == {"natural_labels": 1}


@pytest.mark.parametrize("field", ["beam_center_x", "y_pixel_size", "swing_angle_horizontal"])
def test_what_moves_the_azimuth_computes_it(calls, field):
    labelled(changed(**{field: getattr(RECORD, field) * 1.01 + 1e-9}))
    assert calls == {"phi_bins": 1, "natural_labels": 1}


def test_a_mask_computes_no_label(calls):
    mask = MASK.copy()
    mask[20:40, 30:60] = False
    labelled(RECORD, mask)
    assert not calls


def test_a_new_geometry_compiles_nothing():
    labelled(RECORD)
    kernel_caches = [kernels.phi_bins, kernels.natural_labels, kernels.looked_up]
    compiled = [each._cache_size() for each in kernel_caches]
    new = {"incident_energy": 8.1, "distance": 4.5, "beam_center_x": 75.0, "swing_angle_vertical": 0.01}
    labelled(changed(**new))
    assert [each._cache_size() for each in kernel_caches] == compiled


def test_a_recipe_with_a_field_that_the_kernels_do_not_know_is_left_to_the_general_way():
    class Newer(PartitionRecipe):
        blur: float = 0.0

    resolved = labelled(RECORD).recipe.model_dump()
    assert natural.natural_index_map(RECORD, Newer.model_validate(resolved)) is not None
    assert natural.natural_index_map(RECORD, Newer.model_validate(resolved | {"blur": 1.0})) is None


def test_counts_by_what_differs_are_those_of_all_pixels():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 50, SHAPE).astype(np.uint16)
    counted = counting.Counted(labels, 50)
    mask = MASK.copy()
    for few in (0, 5, 300, 20_000, 1):
        at = rng.integers(0, mask.size, few)
        mask.ravel()[at] = rng.random(few) < 0.5
        expected = np.bincount(labels[mask], minlength=50)[1:]
        assert np.array_equal(counted.under(mask), expected)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_map_in_blocks_is_the_map_at_once(monkeypatch, threads):
    mask = np.random.default_rng(1).random(SHAPE) < 0.9
    whole, part = q_map(RECORD), labelled(RECORD, mask)
    natural._natural.clear()
    natural._phi_bins.clear()
    monkeypatch.setattr(rows, "WHOLE", 1000)
    monkeypatch.setattr(rows, "BLOCK", 20_000)
    monkeypatch.setattr(rows, "_threads", lambda: threads)
    assert rows.rows_at_once(SHAPE, 8) < 20
    blocks = q_map(RECORD)
    some = np.random.default_rng(2).integers(0, mask.size, 40)
    for axis in ("q", "phi", "y"):
        np.testing.assert_allclose(blocks[axis], whole[axis], rtol=1e-15, atol=0)
        assert np.array_equal(maps.values_at(RECORD, axis, some), blocks[axis].ravel()[some])
    again = labelled(RECORD, mask)
    assert again.digest == part.digest
    generic = _generic_labels(blocks, mask, part.recipe)
    assert np.array_equal(generic.static_roi_map, again.static_roi_map)


def test_recipes_and_detectors_side_by_side_keep_their_maps(calls):
    finer = RECIPE.model_copy(update={"static": (50, 4)})
    other = changed(beam_center_x=20.0)
    for record, recipe in [(RECORD, finer), (other, RECIPE)]:
        labelled(record, recipe=recipe)
    calls.clear()
    mask = MASK.copy()
    mask[20:40, 30:60] = False
    for record, recipe in [(RECORD, RECIPE), (RECORD, finer), (other, RECIPE)]:
        labelled(record, mask, recipe)
    assert not calls


def test_maps_that_are_too_large_to_keep_several_displace_each_other(calls, monkeypatch):
    room = 1.5 * MASK.size
    monkeypatch.setattr(natural._natural, "_most_bytes", room)
    other = changed(incident_energy=9.0)
    for record in (other, RECORD, RECORD):
        labelled(record)
    assert calls == {"natural_labels": 2}


@pytest.mark.parametrize(
    ("shape", "bins", "expected"),
    [((2162, 2068), 270 * 36, 4), ((4362, 4148), 270 * 36, 1)],
    ids=["4M", "18M"],
)
def test_what_is_kept_of_real_detectors(shape, bins, expected):
    angle = (tuple(range(37)), 0.0, 1)
    size = natural._natural_bytes(changed(shape=shape), tuple(range(bins // 36 + 1)), False, angle, (36, 1))
    assert size == shape[0] * shape[1] * 2.125
    assert min(natural.KEPT, natural.KEPT_BYTES // size) == expected


@pytest.mark.parametrize(("kept", "most_bytes"), [(2, 1e9), (9, 25.0)])
def test_at_no_time_more_is_kept_than_was_promised(kept, most_bytes):
    alive = []

    class Map:
        def __init__(self):
            alive.append(self)
            assert len(alive) <= 2

    def made(number):
        alive[:] = [each for each in alive if each in [map_ for map_, _ in made_kept._results.values()]]
        return Map()

    made_kept = Recent(made, kept=kept, most_bytes=most_bytes, size=lambda number: 10.0)
    first = made_kept(1)
    assert made_kept(2) is not first
    assert made_kept(1) is first
    made_kept(3)
    assert made_kept(1) is first


def test_a_partition_that_nobody_holds_is_gone_at_once_and_its_maps_with_it():
    gc.disable()
    try:
        part = labelled(RECORD)
        assert part.dynamic.counts.sum() == part.static.counts.sum()
        assert np.isfinite(part.static.means[0]).all()
        assert part.dynamic.solid_angles.all()
        there = weakref.ref(part), weakref.ref(part.static_roi_map)
        del part
        assert [each() for each in there] == [None, None]
    finally:
        gc.enable()
