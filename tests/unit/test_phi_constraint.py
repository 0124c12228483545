"""An arc of phi is the same arc however many turns its ends are written with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpcs_mask_bluesky import Constraint, GeometryRecord, evaluate, q_map

SHAPE = (41, 61)
QMAP = q_map(
    GeometryRecord(
        incident_energy=10.0,
        distance=1.0,
        beam_center_x=30.0,
        beam_center_y=20.0,
        x_pixel_size=1e-4,
        y_pixel_size=1e-4,
        shape=SHAPE,
    )
)


def kept(lower: float, upper: float) -> np.ndarray:
    return np.asarray(evaluate([Constraint(axis="phi", lower=lower, upper=upper)], shape=SHAPE, qmap=QMAP))


@given(st.integers(-180, 180), st.integers(0, 359), st.sampled_from([-720, -360, 360, 720]))
def test_a_full_turn_of_both_ends_changes_no_pixel(lower, width, turn):
    assert np.array_equal(kept(lower, lower + width), kept(lower + turn, lower + width + turn))


@pytest.mark.parametrize("arc", [(160, 180), (-200, -180), (170, 180), (180, 190), (-180, -170), (180, 180)])
def test_an_arc_that_ends_at_180_holds_the_row_left_of_the_beam(arc):
    assert kept(*arc)[20, :30].all()  # its phi is -180 or 180: one angle, and the arc is closed
