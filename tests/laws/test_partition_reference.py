"""The whole labelling in 40 digits, pixel for pixel; circular means; what digests tell apart."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import SHAPE, finite, geometries, masks
from tests.laws.test_qmap_laws import lab_vector, momentum_transfer
from xpcs_mask_bluesky import GeometryRecord, Partition, PartitionRecipe, partition, q_map

ROUNDING = mp.mpf("1e-11")
"""Of an axis' range: closer than this to where a bin starts, float64 may not know the side."""
ALL = np.ones(SHAPE, bool)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=4.0,
    beam_center_y=3.0,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=SHAPE,
)
RECIPE = PartitionRecipe(dynamic=(2, 2), static=(4, 4))


def exact_q_and_angle(record, row: int, column: int, offset: float, fold: int) -> tuple[mp.mpf, mp.mpf]:
    """Return q and the angle that labels, by DESIGN's words."""
    _, transfer = momentum_transfer(record, row, column)
    x, y, _ = lab_vector(record, row, column)
    angle = -mp.degrees(mp.atan2(y, x)) if mp.hypot(x, y) else mp.mpf(0)
    if offset:
        angle = (angle + mp.mpf(offset) + 180) % 360 - 180
    if fold > 1:
        angle = (angle + 180) % (mp.mpf(360) / fold)
    return mp.norm(transfer), angle


def exact_bin(value: mp.mpf, edges: tuple[float, ...]) -> int | None:
    """Return the bin, -1 for none, and None where the last digits of float64 decide."""
    bounds = [mp.mpf(edge) for edge in edges]
    span = bounds[-1] - bounds[0]
    if any(abs(value - edge) < ROUNDING * span for edge in bounds):
        return None
    return sum(value > edge for edge in bounds) - 1 if bounds[0] < value < bounds[-1] else -1


def exact_natural(record, recipe, axis_edges, row: int, column: int) -> int | None:
    values = exact_q_and_angle(record, row, column, recipe.phi_offset, recipe.symmetry_fold)
    first, second = (
        exact_bin(value, axis_edges[axis]) for value, axis in zip(values, recipe.axes, strict=True)
    )
    if first is None or second is None:
        return None
    return -1 if -1 in (first, second) else first * (len(axis_edges[recipe.axes[1]]) - 1) + second


@settings(max_examples=25, deadline=None)  # 40 digits are slow
@given(
    record=geometries,
    mask=masks,
    spread=st.tuples(finite(0.02, 0.4), finite(0.5, 0.98)),
    fold=st.integers(1, 5),
    offset=st.one_of(st.just(0.0), finite(-180, 180)),
    spacing=st.sampled_from(["linear", "log"]),
)
def test_both_label_maps_are_those_of_forty_digits(record, mask, spread, fold, offset, spacing):
    span = float(q_map(record)["q"].max())
    arc = (-170.0, 165.0) if fold == 1 else (0.01 * 360 / fold, 0.97 * 360 / fold)
    recipe = PartitionRecipe(
        dynamic=(2, 3),
        static=(4, 6),
        ranges={"q": (spread[0] * span, spread[1] * span), "phi": arc},
        phi_offset=offset,
        symmetry_fold=fold,
        spacing=spacing,
    )
    try:
        part = partition(q_map(record), mask, recipe)
    except ValueError as error:
        assume(not any(said in str(error) for said in ("counts no pixel", "fewer bins", "falls into a bin")))
        raise
    with mp.workdps(40):
        for prefix, edges in (("dynamic", part.recipe.edges), ("static", part.recipe.static_edges)):
            labels = getattr(part, f"{prefix}_roi_map")
            mapping = getattr(part, f"{prefix}_index_mapping").tolist()
            for row, column in np.ndindex(SHAPE):
                natural = exact_natural(record, part.recipe, edges, row, column)
                if natural is None:
                    continue
                label = mapping.index(natural) + 1 if mask[row, column] and natural >= 0 else 0
                assert labels[row, column] == label, (prefix, row, column)


@settings(max_examples=40, deadline=None)
@given(record=geometries, mask=masks, fold=st.integers(1, 4), offset=finite(-180, 180))
def test_the_mean_of_phi_is_circular_in_its_fold_and_that_of_q_is_plain(record, mask, fold, offset):
    assume(mask.sum() >= 4)
    recipe = PartitionRecipe(
        dynamic=(2, 2),
        static=(2, 2),
        phi_offset=offset,
        symmetry_fold=fold,
        ranges={"q": (0.0, 100.0), "phi": (-180.0, 180.0) if fold == 1 else (0.0, 360.0 / fold)},
    )
    part = partition(q_map(record), mask, recipe)
    mean_q, mean_phi = part.static.means
    with mp.workdps(40):
        for label in range(1, len(part.static.counts) + 1):
            pixels = np.argwhere(part.static_roi_map == label).tolist()
            vectors = [lab_vector(record, row, column) for row, column in pixels]
            q = [mp.norm(momentum_transfer(record, row, column)[1]) for row, column in pixels]
            assert abs(mean_q[label - 1] - sum(q) / len(q)) <= 1e-10 * max(q)
            if any(mp.hypot(x, y) < 1e-7 for x, y, _ in vectors):
                continue  # phi means nothing on the beam
            resultant = sum(mp.expj(-fold * mp.atan2(y, x)) for x, y, _ in vectors)
            if abs(resultant) < 1e-3:
                continue  # opposite directions have no mean
            off = mp.radians(fold * (mp.mpf(mean_phi[label - 1]) - mp.degrees(mp.arg(resultant)) / fold))
            assert abs(mp.expj(off) - 1) < 1e-7


@settings(max_examples=60, deadline=None)
@given(record=geometries, mask=masks)
def test_limits_of_the_data_are_rounded_outward_to_twelve_digits(record, mask):
    assume(mask.sum() > 1)
    part_of = PartitionRecipe(dynamic=(1, 1), static=(1, 1))
    try:
        edges = part_of.resolve(q_map(record), mask).edges
    except ValueError as error:
        assume("all counted pixels have" not in str(error))
        raise
    values = q_map(record)["q"][mask]
    low, high = edges["q"]
    assert low <= values.min()
    assert values.max() <= high
    assert float(f"{low:.11e}") == low
    assert float(f"{high:.11e}") == high
    assert values.min() - low <= 1e-11 * values.min()
    assert high - values.max() <= 1e-11 * values.max()
    assert [round(edge, 9) for edge in edges["phi"]] == list(edges["phi"])


@pytest.mark.parametrize(
    "change",
    [
        {"incident_energy": 10.5},
        {"distance": 1.5},
        {"beam_center_x": 4.5},
        {"beam_center_y": 3.5},
        {"x_pixel_size": 2e-4},
        {"y_pixel_size": 2e-4},
        {"swing_angle_horizontal": 1.0},
        {"swing_angle_vertical": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_every_field_of_the_geometry(change):
    other = partition(q_map(RECORD.model_copy(update=change)), ALL, RECIPE)
    assert other.digest != partition(q_map(RECORD), ALL, RECIPE).digest


@pytest.mark.parametrize(
    "change",
    [
        {"dynamic": (1, 2)},
        {"static": (2, 4)},
        {"spacing": ("linear", "log"), "ranges": {"phi": (1.0, 180.0)}},
        {"ranges": {"q": (0.0, 0.01)}},
        {"phi_offset": 1.0},
        {"symmetry_fold": 2},
        {"axes": ("qr", "phi")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_changes_with_every_field_of_the_recipe(change):
    other = PartitionRecipe.model_validate(RECIPE.model_dump() | change)
    assert partition(q_map(RECORD), ALL, other).digest != partition(q_map(RECORD), ALL, RECIPE).digest


@given(st.integers(0, SHAPE[0] - 1), st.integers(0, SHAPE[1] - 1))
def test_the_digest_changes_with_every_pixel_of_the_mask(row, column):
    fewer = ALL.copy()
    fewer[row, column] = False
    assert partition(q_map(RECORD), fewer, RECIPE).digest != partition(q_map(RECORD), ALL, RECIPE).digest


def test_a_partition_does_not_change_when_the_arrays_it_was_made_from_do():
    mask, blemish = ALL.copy(), ALL.copy()
    part = partition(q_map(RECORD), mask, RECIPE, blemish)
    mask[:] = blemish[:] = False
    part.check()
    assert part.blemish.all()


def test_a_partition_of_stored_parts_does_not_change_when_these_do():
    part = partition(q_map(RECORD), ALL, RECIPE)
    names = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")
    mappings = ("dynamic_index_mapping", "static_index_mapping")
    stored = {name: getattr(part, name).copy() for name in (*names, *mappings)}
    again = Partition.from_arrays(record=RECORD, requested=RECIPE, recipe=part.recipe, **stored)
    for array in stored.values():
        array[...] = 0
    again.check()
    assert again.digest == part.digest
