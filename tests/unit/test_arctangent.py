"""Our arctangent beside one of 40 digits, and its derivative."""

import jax
import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpcs_mask_bluesky.qmap.arctangent import TANGENT, arctangent

numbers = st.floats(1e-12, 1e12).flatmap(lambda size: st.sampled_from([size, -size]))
ratios = st.one_of(
    st.floats(1e-9, 1e9), st.sampled_from([1.0, TANGENT, 1 / TANGENT, np.nextafter(TANGENT, 1)])
)


def angle(y, x):
    with jax.enable_x64(True):
        return np.asarray(jax.jit(arctangent)(np.asarray(y, float), np.asarray(x, float)))


@given(x=numbers, ratio=ratios, up=st.booleans())
def test_it_is_off_by_less_than_two_units_in_the_last_place(x, ratio, up):
    y = abs(x) * ratio * (1 if up else -1)
    found = float(angle(y, x))
    with mp.workdps(40):
        assert abs(found - mp.atan2(mp.mpf(y), mp.mpf(x))) < 2 * np.spacing(abs(found))


@pytest.mark.parametrize("y", [0.0, 3.0, -3.0])
@pytest.mark.parametrize("x", [0.0, 3.0, -3.0])
def test_right_angles_and_their_halves_are_those_of_numpy_bit_for_bit(y, x):
    assert angle(y, x) == np.arctan2(y, x)
    assert np.degrees(angle(y, x)) % 45 == 0


def test_the_sign_of_zero_tells_the_side_and_nan_stays():
    assert angle(-0.0, -1.0) == -np.pi
    assert np.isnan(angle([np.nan, 1.0], [1.0, np.nan])).all()


def test_its_derivative_is_that_of_the_angle():
    with jax.enable_x64(True):
        by_y, by_x = jax.grad(arctangent, argnums=(0, 1))(3.0, -4.0)
    assert by_y == pytest.approx(-4 / 25, rel=1e-15)
    assert by_x == pytest.approx(-3 / 25, rel=1e-15)
