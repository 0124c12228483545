"""A real image: the form factor's minima appear with the published geometry, and only with it."""

import numpy as np
import pytest

from xpcs_mask_bluesky import Blemish, GeometryRecord, PartitionRecipe, evaluate, partition, q_map
from xpcs_mask_bluesky.units import HC

MINIMA = (0.0032, 0.0043, 0.0056, 0.0067)
CONTRASTS = (1.45, 1.55, 1.25, 1.05)
"""At least this much is the next maximum over the minimum."""


def profile(image: np.ndarray, row: float, column: float) -> tuple[np.ndarray, np.ndarray]:
    record = GeometryRecord(
        incident_energy=HC / 1.5498,
        distance=2.2,
        beam_center_x=column,
        beam_center_y=row,
        x_pixel_size=55e-6,
        y_pixel_size=55e-6,
        shape=image.shape,
    )
    mask = evaluate([Blemish.from_array(image != 0)], shape=image.shape)
    part = partition(q_map(record), mask, PartitionRecipe(dynamic=(60, 1), static=(60, 1)))
    total = np.bincount(part.dynamic_roi_map.ravel(), image.ravel())[1:]
    q = part.dynamic.centers[0][part.dynamic.index_mapping]
    return q, total / part.dynamic.counts


def minima_found(q: np.ndarray, intensity: np.ndarray) -> list[float]:
    """Return those published minima that the profile shows, each with its contrast."""
    dips = [k for k in range(1, len(q) - 1) if intensity[k - 1] > intensity[k] < intensity[k + 1]]
    found = []
    for minimum, contrast in zip(MINIMA, CONTRASTS, strict=True):
        for k in dips:
            ahead = next((j for j in range(k + 1, len(q) - 1) if intensity[j] > intensity[j + 1]), len(q) - 1)
            near = abs(q[k] / minimum - 1) <= 0.02
            if near and intensity[ahead] / intensity[k] >= contrast:
                found.append(minimum)
    return found


@pytest.fixture(scope="module")
def image(shared_data):
    return np.load(shared_data / "duke" / "duke_img.npy")


def test_the_published_geometry_shows_all_four_minima(image):
    assert minima_found(*profile(image, 133, 143)) == list(MINIMA)


@pytest.mark.parametrize(("row", "column"), [(137, 143), (129, 143), (133, 147), (133, 139)])
def test_a_centre_four_pixels_off_shows_none(image, row, column):
    assert minima_found(*profile(image, row, column)) == []
