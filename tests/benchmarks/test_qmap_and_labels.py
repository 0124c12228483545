"""Geometry to both label maps: ours and plain numpy, side by side in one run.

pytest tests/benchmarks --benchmark-enable --benchmark-group-by=param:shape
"""

import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.units import HC

SHAPES = ((1024, 1024), (2162, 2068), (4362, 4148))
RANGES = {"q": (0.002, 0.06), "phi": (-180.0, 180.0)}
RECIPE = PartitionRecipe(dynamic=(27, 1), static=(270, 36), ranges=RANGES)


def geometry(shape: tuple[int, int]) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=shape[1] / 2 + 0.3,
        beam_center_y=shape[0] / 2 - 0.2,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )


def ours(record: GeometryRecord, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    part = partition(q_map(record), mask, RECIPE)
    return part.dynamic_roi_map, part.static_roi_map


def plain_numpy(record: GeometryRecord, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The textbook's way: angles, digitize for each map, unique to close the gaps."""
    row, column = np.indices(record.shape)
    x = (column - record.beam_center_x) * record.x_pixel_size
    y = (row - record.beam_center_y) * record.y_pixel_size
    two_theta = np.arctan(np.hypot(x, y) / record.distance)
    q = 4 * np.pi * record.incident_energy / HC * np.sin(two_theta / 2)
    phi = -np.rad2deg(np.arctan2(y, x))
    return _labels(q, phi, mask, RECIPE.dynamic), _labels(q, phi, mask, RECIPE.static)


def _labels(q: np.ndarray, phi: np.ndarray, mask: np.ndarray, bins: tuple[int, int]) -> np.ndarray:
    index = []
    for values, limits, number in ((q, RANGES["q"], bins[0]), (phi, RANGES["phi"], bins[1])):
        found = np.digitize(values, np.linspace(*limits, number + 1)) - 1
        found[values == limits[1]] = number - 1
        index.append(np.where((found >= 0) & (found < number), found, -1))
    natural = np.where(mask & (index[0] >= 0) & (index[1] >= 0), index[0] * bins[1] + index[1], -1)
    there, inverse = np.unique(natural, return_inverse=True)
    inverse = inverse.reshape(natural.shape)
    return inverse if there[0] == -1 else inverse + 1


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("way", [ours, plain_numpy])
def test_geometry_to_both_label_maps(benchmark, way, shape):
    record = geometry(shape)
    mask = np.ones(shape, bool)
    mask[shape[0] // 3 : shape[0] // 3 + 20] = False
    dynamic, static = benchmark.pedantic(way, args=(record, mask), rounds=5, warmup_rounds=1)
    assert dynamic.max() > 10
    assert np.array_equal(dynamic > 0, static > 0)


def test_both_ways_give_the_same_labels_but_for_rounding_at_an_edge():
    record, mask = geometry(SHAPES[0]), np.ones(SHAPES[0], bool)
    for mine, theirs in zip(ours(record, mask), plain_numpy(record, mask), strict=True):
        assert np.count_nonzero(mine != theirs) <= 1e-5 * mask.size
