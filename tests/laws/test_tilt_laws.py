"""Tilt and swing: against 40 digits, and what must not change when everything turns together."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import PLACED, SHAPE, SWUNG, finite, tilted
from tests.laws.test_qmap_laws import PIXELS, momentum_transfer
from xpcs_mask_bluesky import GeometryRecord, q_map, rotations


def close(one: GeometryRecord, other: GeometryRecord) -> bool:
    """Whether q agrees in every pixel within the rounding of float64."""
    k = 2 * math.pi / one.wavelength
    return bool(np.allclose(q_map(one)["q"], q_map(other)["q"], rtol=0, atol=1e-12 * k))


@settings(max_examples=40, deadline=None)
@given(record=tilted)
def test_q_of_a_tilted_detector_is_the_momentum_transfer(record):
    qmap = q_map(record)
    with mp.workdps(40):
        for row, column in PIXELS:
            k, transfer = momentum_transfer(record, row, column)
            assert abs(qmap["q"][row, column] - mp.norm(transfer)) < 1e-12 * k
            assert abs(qmap["qx"][row, column] - transfer[0]) < 1e-12 * k
            assert abs(qmap["qy"][row, column] + transfer[1]) < 1e-12 * k


@settings(max_examples=40, deadline=None)
@given(record=tilted)
def test_the_direct_beam_pixel_of_a_tilted_detector_scatters_nothing(record):
    beam = record.direct_beam
    normal = rotations.turned(record.plane.swing, [row[2] for row in record.plane.tilt])
    assert (beam is not None) == (normal[2] > 0)
    assume(normal[2] > 1e-3)  # nearly along the beam the plane is hit kilometres away
    with mp.workdps(40):
        k, transfer = momentum_transfer(record, mp.mpf(beam[1]), mp.mpf(beam[0]))
        assert mp.norm(transfer) < 1e-10 * k


@given(record=tilted)
def test_without_swing_the_beam_centre_is_the_direct_beam_whatever_the_tilt(record):
    still = record.model_copy(update={"swing_angle_horizontal": 0.0, "swing_angle_vertical": 0.0})
    assert still.direct_beam == (record.beam_center_x, record.beam_center_y)


@settings(max_examples=40, deadline=None)
@given(record=st.builds(GeometryRecord, **PLACED), angle=finite(-80, 80), vertical=st.booleans())
def test_a_swung_detector_is_a_tilted_one_elsewhere(record, angle, vertical):
    """The same plane, told as swung about the sample or as tilted about the direct beam's pixel."""
    field = ("swing_angle_vertical", "tilt_pitch") if vertical else ("swing_angle_horizontal", "tilt_yaw")
    swung = record.model_copy(update={field[0]: angle})
    beam = swung.direct_beam
    told_as_tilt = {
        field[1]: angle,
        "distance": record.distance / math.cos(math.radians(angle)),
        "beam_center_x": beam[0],
        "beam_center_y": beam[1],
    }
    assert close(swung, record.model_copy(update=told_as_tilt))


@settings(max_examples=40, deadline=None)
@given(record=st.builds(GeometryRecord, **PLACED, **SWUNG), turn=finite(-180, 180))
def test_turning_swing_and_detector_together_about_the_beam_changes_no_q(record, turn):
    whole = rotations.product(rotations.around_z(turn), record.plane.swing)
    horizontal, vertical, roll = rotations.swing_angles(whole)
    turned = record.model_copy(
        update={
            "swing_angle_horizontal": horizontal,
            "swing_angle_vertical": vertical,
            "tilt_roll": roll,
        }
    )
    assert close(record, turned)
    x, y = (q_map(record)[axis] for axis in ("qx", "qy"))
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    k = 2 * math.pi / record.wavelength  # qy points up, so that the turn is seen from the other side
    assert np.allclose(q_map(turned)["qx"], c * x + s * y, rtol=0, atol=1e-12 * k)
    assert np.allclose(q_map(turned)["qy"], c * y - s * x, rtol=0, atol=1e-12 * k)


@settings(max_examples=40, deadline=None)
@given(record=st.builds(GeometryRecord, **PLACED), angle=finite(-180, 180), vertical=st.booleans())
def test_a_transposed_picture_with_its_swing_transposed_has_the_transposed_q(record, angle, vertical):
    field = "swing_angle_vertical" if vertical else "swing_angle_horizontal"
    record = record.model_copy(update={field: angle})
    transposed = GeometryRecord(
        incident_energy=record.incident_energy,
        distance=record.distance,
        beam_center_x=record.beam_center_y,
        beam_center_y=record.beam_center_x,
        x_pixel_size=record.y_pixel_size,
        y_pixel_size=record.x_pixel_size,
        shape=SHAPE[::-1],
        swing_angle_horizontal=record.swing_angle_vertical,
        swing_angle_vertical=record.swing_angle_horizontal,
    )
    k = 2 * math.pi / record.wavelength
    assert np.allclose(q_map(transposed)["q"], q_map(record)["q"].T, rtol=0, atol=1e-12 * k)


@given(pitch=finite(-89, 89), yaw=finite(-89, 89), roll=finite(-179, 179))
def test_the_angles_of_a_tilt_are_found_again(pitch, yaw, roll):
    assert rotations.tilt_angles(rotations.tilt(pitch, yaw, roll)) == pytest.approx(
        (pitch, yaw, roll), abs=1e-11
    )
