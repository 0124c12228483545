"""What is compiled, and when: never for new numbers of a geometry."""

import pytest

from xpcs_mask_bluesky import GeometryRecord, q_map
from xpcs_mask_bluesky.qmap import maps

FIRST = {
    "incident_energy": 8.0,
    "distance": 1.5,
    "beam_center_x": 3.25,
    "beam_center_y": 4.5,
    "x_pixel_size": 1e-4,
    "y_pixel_size": 2e-4,
    "shape": (11, 13),
    "incident_angle": 0.2,
    "orientation": 0,
    "delta": 1e-6,
    "tilt_yaw": 1.0,
}
SECOND = {
    "incident_energy": 9,
    "distance": 2.5,
    "swing_angle_vertical": 3.0,
    "incident_angle": 0.3,
    "orientation": 270,
    "delta": 2e-6,
    "beta": 1e-8,
    "tilt_pitch": 0.5,
}


SURFACE = ("incident_angle", "orientation", "delta", "beta")


@pytest.mark.parametrize("without", [(), SURFACE], ids=["reflection", "transmission"])
def test_a_new_geometry_of_the_same_shape_compiles_nothing(without):
    first, second = (
        GeometryRecord.model_validate({name: each[name] for name in each if name not in without})
        for each in (FIRST, FIRST | SECOND)
    )
    q_map(first).compute()
    compiled = maps._compiled._cache_size()
    q_map(second).compute()
    assert maps._compiled._cache_size() == compiled
