"""The solid angle of bins: exact formulas in 40 digits, pyFAI's map, and what a swing leaves alone."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings

from tests.laws.strategies import SHAPE, tilted
from tests.laws.test_qmap_laws import around_x, around_y, around_z, lab_vector
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map
from xpcs_mask_bluesky.partitions.solid_angle import pixel_solid_angle

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=0.5,
    beam_center_x=40.0,
    beam_center_y=22.0,
    x_pixel_size=2e-4,
    y_pixel_size=1e-4,
    shape=(60, 80),
)


@settings(max_examples=40, deadline=None)
@given(record=tilted)
def test_a_pixel_is_seen_by_its_area_obliqueness_and_distance(record):
    found = pixel_solid_angle(record)
    with mp.workdps(40):
        tilt = around_z(record.tilt_roll) * around_x(record.tilt_pitch) * around_y(record.tilt_yaw)
        swing = around_y(record.swing_angle_horizontal) * around_x(record.swing_angle_vertical)
        normal = swing * tilt * mp.matrix([0, 0, 1])
        area = mp.mpf(record.x_pixel_size) * mp.mpf(record.y_pixel_size)
        for at in ((0, 0), (SHAPE[0] - 1, SHAPE[1] - 1), (2, 7)):
            ray = lab_vector(record, *at)
            exact = area * abs(mp.fdot(normal, ray)) / mp.norm(ray) ** 3
            assert abs(found[at] - exact) < 1e-9 * exact


def corner(x: float, y: float, distance: float) -> float:
    """Solid angle of the rectangle between the foot of the normal and (x, y), exactly."""
    return np.arctan(x * y / (distance * np.sqrt(x * x + y * y + distance * distance)))


def test_all_bins_together_are_the_exact_solid_angle_of_the_rectangle():
    part = partition(
        q_map(RECORD), np.ones(RECORD.shape, bool), PartitionRecipe(dynamic=(3, 2), static=(6, 4))
    )
    left, right = (np.array([-0.5, 79.5]) - RECORD.beam_center_x) * RECORD.x_pixel_size
    top, bottom = (np.array([-0.5, 59.5]) - RECORD.beam_center_y) * RECORD.y_pixel_size
    whole = sum(
        sign * corner(x, y, RECORD.distance)
        for sign, x, y in ((1, right, bottom), (-1, left, bottom), (-1, right, top), (1, left, top))
    )
    for bins in (part.dynamic, part.static):
        assert bins.solid_angles.sum() == pytest.approx(whole, rel=1e-6)
        assert len(bins.solid_angles) == len(bins.counts)
    pixels = pixel_solid_angle(RECORD)
    assert part.dynamic.solid_angles[1] == pytest.approx(pixels[part.dynamic_roi_map == 2].sum(), rel=1e-12)
    with pytest.raises(ValueError, match="read-only"):
        part.static.solid_angles[0] = 1.0


def test_relative_to_the_middle_it_is_pyfais():
    pyfai = pytest.importorskip("pyFAI.integrator.azimuthal")
    detectors = pytest.importorskip("pyFAI.detectors")
    detector = detectors.Detector(RECORD.y_pixel_size, RECORD.x_pixel_size, max_shape=RECORD.shape)
    poni = [
        (RECORD.beam_center_y + 0.5) * RECORD.y_pixel_size,
        (RECORD.beam_center_x + 0.5) * RECORD.x_pixel_size,
    ]
    theirs = pyfai.AzimuthalIntegrator(RECORD.distance, *poni, detector=detector).solidAngleArray(
        RECORD.shape
    )
    ours = pixel_solid_angle(RECORD) * RECORD.distance**2 / (RECORD.x_pixel_size * RECORD.y_pixel_size)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_a_swing_changes_no_solid_angle():
    swung = RECORD.model_copy(update={"swing_angle_horizontal": 30.0, "swing_angle_vertical": -10.0})
    assert np.array_equal(pixel_solid_angle(swung), pixel_solid_angle(RECORD))
