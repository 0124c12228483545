"""The simulated frames are what they are said to be."""

import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, q_map
from xpcs_mask_bluesky.simulation.optics import Optics, scattering_vector
from xpcs_mask_bluesky.simulation.speckle import SpeckleField


@pytest.mark.parametrize("swing", [(0.0, 0.0), (12.0, -7.0), (-40.0, 30.0)])
def test_its_own_formula_of_q_agrees_with_ours(swing):
    optics = Optics(
        energy=9.0,
        distance=2.0,
        center_x=31.5,
        center_y=-4.0,
        shape=(40, 50),
        swing_horizontal=swing[0],
        swing_vertical=swing[1],
    )
    record = GeometryRecord(
        incident_energy=9.0,
        distance=2.0,
        beam_center_x=31.5,
        beam_center_y=-4.0,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=(40, 50),
        swing_angle_horizontal=swing[0],
        swing_angle_vertical=swing[1],
    )
    np.testing.assert_allclose(scattering_vector(optics), q_map(record)["q"], rtol=0, atol=1e-11)


def test_speckles_have_the_contrast_and_the_size_asked_for():
    field = SpeckleField((128, 128), contrast=0.5, speckle_size=2.6, rng=np.random.default_rng(3))
    patterns = []
    for _ in range(40):
        field.advance(np.zeros((128, 128)))
        patterns.append(field.intensity())
    intensity = np.array(patterns)
    contrast = intensity.var() / intensity.mean() ** 2
    assert contrast == pytest.approx(0.5, rel=0.05)
    excess = intensity - intensity.mean()
    correlation = [
        float((excess * np.roll(excess, shift, axis=2)).mean() / excess.var()) for shift in range(4)
    ]
    half = np.interp(-0.5, [-c for c in correlation], range(4))
    assert 2 * half == pytest.approx(2.6, rel=0.1)
