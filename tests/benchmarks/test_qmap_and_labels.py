"""Geometry to both label maps: ours and plain numpy, side by side in one run.

pytest tests/benchmarks --benchmark-enable
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
    """The textbook's way, done well: angles, digitize for each map, and a table to close the gaps."""
    row, column = np.ogrid[: record.shape[0], : record.shape[1]]
    x = (column - record.beam_center_x) * record.x_pixel_size
    y = (row - record.beam_center_y) * record.y_pixel_size
    two_theta = np.arctan(np.hypot(x, y) / record.distance)
    q = 4 * np.pi * record.incident_energy / HC * np.sin(two_theta / 2)
    phi = -np.rad2deg(np.arctan2(y, x))
    return _labels(q, phi, mask, RECIPE.dynamic), _labels(q, phi, mask, RECIPE.static)


def _labels(q: np.ndarray, phi: np.ndarray, mask: np.ndarray, bins: tuple[int, int]) -> np.ndarray:
    natural, counted = np.zeros(mask.shape, np.int32), mask
    for values, limits, number in ((q, RANGES["q"], bins[0]), (phi, RANGES["phi"], bins[1])):
        found = np.digitize(values, np.linspace(*limits, number + 1)).astype(np.int32) - 1
        found[values == limits[1]] = number - 1
        counted = counted & (found >= 0) & (found < number)
        natural = natural * number + found
    natural = np.where(counted, natural + 1, 0)
    there = np.bincount(natural.ravel(), minlength=bins[0] * bins[1] + 1) > 0
    there[0] = False
    return np.where(there, np.cumsum(there), 0).astype(np.uint16)[natural]


def masked(shape: tuple[int, int]) -> np.ndarray:
    mask = np.ones(shape, bool)
    mask[shape[0] // 3 : shape[0] // 3 + 20] = False
    return mask


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("way", [ours, plain_numpy])
def test_geometry_to_both_label_maps(benchmark, way, shape):
    benchmark.group = f"{shape[0]}x{shape[1]}"
    record, mask = geometry(shape), masked(shape)
    dynamic, static = benchmark.pedantic(way, args=(record, mask), rounds=5, warmup_rounds=1)
    assert dynamic.max() > 10
    assert np.array_equal(dynamic > 0, static > 0)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_both_ways_give_the_same_labels_but_for_rounding_at_an_edge(shape):
    record, mask = geometry(shape), masked(shape)
    for mine, theirs in zip(ours(record, mask), plain_numpy(record, mask), strict=True):
        assert mine.max() == theirs.max()
        assert np.count_nonzero(mine != theirs) <= 1e-6 * mask.size
