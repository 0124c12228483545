"""The Q-map against the closed formulas in 40 digits."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.strategies import SHAPE, finite, geometries
from xpcs_mask_bluesky import GeometryRecord, q_map

HC = mp.mpf("12.398419843320026")
PIXELS = ((0, 0), (0, SHAPE[1] - 1), (SHAPE[0] - 1, 0), (3, 4))


def lab_vector(record: GeometryRecord, row: int, column: int) -> mp.matrix:
    x = (column - mp.mpf(record.beam_center_x)) * mp.mpf(record.x_pixel_size)
    y = (row - mp.mpf(record.beam_center_y)) * mp.mpf(record.y_pixel_size)
    tilt = around_z(record.tilt_roll) * around_x(record.tilt_pitch) * around_y(record.tilt_yaw)
    swing = around_y(record.swing_angle_horizontal) * around_x(record.swing_angle_vertical)
    return swing * (mp.matrix([0, 0, mp.mpf(record.distance)]) + tilt * mp.matrix([x, y, 0]))


def around_x(degrees) -> mp.matrix:
    c, s = mp.cos(mp.radians(degrees)), mp.sin(mp.radians(degrees))
    return mp.matrix([[1, 0, 0], [0, c, -s], [0, s, c]])


def around_y(degrees) -> mp.matrix:
    c, s = mp.cos(mp.radians(degrees)), mp.sin(mp.radians(degrees))
    return mp.matrix([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def around_z(degrees) -> mp.matrix:
    c, s = mp.cos(mp.radians(degrees)), mp.sin(mp.radians(degrees))
    return mp.matrix([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def momentum_transfer(record: GeometryRecord, row: int, column: int) -> tuple[mp.mpf, mp.matrix]:
    """Return k and k_f - k_i."""
    k = 2 * mp.pi * mp.mpf(record.incident_energy) / HC
    lab = lab_vector(record, row, column)
    return k, k * lab / mp.norm(lab) - mp.matrix([0, 0, k])


@settings(max_examples=60, deadline=None)
@given(record=geometries)
def test_q_is_the_momentum_transfer(record):
    qmap = q_map(record)
    with mp.workdps(40):
        for row, column in PIXELS:
            k, transfer = momentum_transfer(record, row, column)
            assert abs(qmap["q"][row, column] - mp.norm(transfer)) < 1e-12 * k
            assert abs(qmap["qx"][row, column] - transfer[0]) < 1e-12 * k
            assert abs(qmap["qy"][row, column] + transfer[1]) < 1e-12 * k
            assert abs(qmap["qr"][row, column] - mp.hypot(transfer[0], transfer[1])) < 1e-12 * k


@settings(max_examples=60, deadline=None)
@given(record=geometries)
def test_angles_are_those_of_the_lab_vector(record):
    qmap = q_map(record)
    with mp.workdps(40):
        for row, column in PIXELS:
            x, y, z = lab_vector(record, row, column)
            if mp.hypot(x, y) < 1e-9:
                continue  # phi means nothing on the beam
            phi = -mp.degrees(mp.atan2(y, x))
            off = float(qmap["phi"][row, column] - phi)
            assert abs((off + 180) % 360 - 180) < 1e-9 * max(1, 1e-3 / float(mp.hypot(x, y)))
            two_theta = mp.degrees(mp.atan2(mp.hypot(x, y), z))
            assert abs(qmap["two_theta"][row, column] - two_theta) < 1e-9


@settings(max_examples=60, deadline=None)
@given(record=geometries)
def test_the_direct_beam_pixel_scatters_nothing(record):
    beam = record.direct_beam
    assert beam is not None  # swings below 90°
    with mp.workdps(40):
        k, transfer = momentum_transfer(record, mp.mpf(beam[1]), mp.mpf(beam[0]))
        assert mp.norm(transfer) < 1e-12 * k


@settings(max_examples=40, deadline=None)
@given(record=geometries, horizontal=finite(-180, 180), vertical=finite(-180, 180))
def test_behind_the_sample_q_and_two_theta_still_hold(record, horizontal, vertical):
    swing = {"swing_angle_horizontal": horizontal, "swing_angle_vertical": vertical}
    swung = record.model_copy(update=swing)
    qmap, beam = q_map(swung), swung.direct_beam
    with mp.workdps(40):
        for row, column in PIXELS:
            k, transfer = momentum_transfer(swung, row, column)
            assert abs(qmap["q"][row, column] - mp.norm(transfer)) < 1e-12 * k
            x, y, z = lab_vector(swung, row, column)
            two_theta = mp.degrees(mp.atan2(mp.hypot(x, y), z))
            assert abs(qmap["two_theta"][row, column] - two_theta) < 1e-9
        forward = mp.cos(mp.radians(horizontal)) * mp.cos(mp.radians(vertical))
        if abs(forward) > 1e-12:
            assert (beam is not None) == (forward > 0)


@given(angle=st.floats(0.01, 40))
def test_a_positive_swing_takes_the_beam_to_larger_columns_and_rows(angle):
    record = GeometryRecord(
        incident_energy=10.0,
        distance=2.0,
        beam_center_x=4.0,
        beam_center_y=3.0,
        x_pixel_size=1e-4,
        y_pixel_size=2e-4,
        shape=SHAPE,
    )
    shift = 2.0 * np.tan(np.radians(angle))
    sideways = record.model_copy(update={"swing_angle_horizontal": angle})
    assert sideways.direct_beam == pytest.approx((4 + shift / 1e-4, 3), rel=1e-12)
    upwards = record.model_copy(update={"swing_angle_vertical": angle})
    assert upwards.direct_beam == pytest.approx((4, 3 + shift / 2e-4), rel=1e-12)


def test_near_the_beam_q_keeps_its_digits():
    record = GeometryRecord(
        incident_energy=10.0,
        distance=20.0,
        beam_center_x=4 + 1e-7,
        beam_center_y=3.0,
        x_pixel_size=1e-5,
        y_pixel_size=1e-5,
        shape=SHAPE,
    )
    with mp.workdps(40):
        _, transfer = momentum_transfer(record, 3, 4)
        assert abs(q_map(record)["q"][3, 4] / mp.norm(transfer) - 1) < 1e-12


def test_up_is_plus_90_degrees_and_larger_columns_are_0():
    record = GeometryRecord(
        incident_energy=10.0,
        distance=1.0,
        beam_center_x=4.0,
        beam_center_y=3.0,
        x_pixel_size=1e-4,
        y_pixel_size=1e-4,
        shape=SHAPE,
    )
    phi = q_map(record)["phi"]
    assert phi[0, 4] == pytest.approx(90)
    assert phi[3, 8] == pytest.approx(0)
    assert phi[5, 4] == pytest.approx(-90)


def test_maps_are_read_only_float64_and_named_with_units():
    record = GeometryRecord(
        incident_energy=10.0,
        distance=1.0,
        beam_center_x=4.0,
        beam_center_y=3.0,
        x_pixel_size=1e-4,
        y_pixel_size=1e-4,
        shape=SHAPE,
    )
    qmap = q_map(record)
    for axis in qmap.axes:
        assert qmap[axis].dtype == np.float64
        assert qmap[axis].shape == SHAPE
        assert qmap.units[axis]
        with pytest.raises(ValueError, match="read-only"):
            qmap[axis][0, 0] = 1
    with pytest.raises(KeyError, match="two_theta"):
        qmap["qz"]
