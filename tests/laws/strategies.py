"""Geometries, masks and recipes for Hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xpcs_mask_bluesky import GeometryRecord

SHAPE = (6, 9)


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


PLACED = {
    "incident_energy": finite(2, 80),
    "distance": finite(0.05, 20),
    "beam_center_x": finite(-50, 60),
    "beam_center_y": finite(-50, 60),
    "x_pixel_size": finite(1e-5, 2e-4),
    "y_pixel_size": finite(1e-5, 2e-4),
    "shape": st.just(SHAPE),
}
SWUNG = {"swing_angle_horizontal": finite(-60, 60), "swing_angle_vertical": finite(-60, 60)}
TILTED = {"tilt_pitch": finite(-85, 85), "tilt_yaw": finite(-85, 85), "tilt_roll": finite(-180, 180)}
SURFACE = {
    "incident_angle": finite(0, 90),
    "orientation": st.sampled_from([0, 90, 180, 270]),
    "delta": finite(0, 1e-2),
    "beta": st.none() | finite(0, 1e-2),
}
geometries = st.builds(GeometryRecord, **PLACED, **SWUNG)
tilted = st.builds(GeometryRecord, **PLACED, **SWUNG, **TILTED)
grazing = st.builds(GeometryRecord, **PLACED, **SWUNG, **TILTED, **SURFACE)
masks = arrays(np.bool_, SHAPE, elements=st.sampled_from([True, True, True, False]))
