"""Grazing incidence against the vectors themselves in 40 digits, and what it must not depend on."""

import math

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import PLACED, SHAPE, finite, grazing
from tests.laws.test_qmap_laws import PIXELS, lab_vector, momentum_transfer
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, below_critical_angle, partition, q_map

ORIENTATIONS = (0, 90, 180, 270)
NORMAL_LEANS_TO = {0: (0, -1), 90: (-1, 0), 180: (0, 1), 270: (1, 0)}
ROWS_AND_COLUMNS = [(row, column) for row in range(SHAPE[0]) for column in range(SHAPE[1])]
flat = st.builds(GeometryRecord, **PLACED)
RECORD = GeometryRecord(
    incident_energy=8.0,
    distance=1.5,
    beam_center_x=4.0,
    beam_center_y=5.25,
    x_pixel_size=1e-3,
    y_pixel_size=2e-3,
    shape=SHAPE,
    incident_angle=0.25,
)


def surface_frame(record) -> tuple[mp.matrix, mp.matrix, mp.matrix]:
    """Return the beam's projection on the surface, the direction across, and the normal."""
    lean = NORMAL_LEANS_TO[record.orientation]
    up = mp.matrix([lean[0], lean[1], 0])
    across = mp.matrix([-lean[1], lean[0], 0])  # to larger columns for orientation 0
    angle, beam = mp.radians(record.incident_angle), mp.matrix([0, 0, 1])
    return (
        mp.cos(angle) * beam + mp.sin(angle) * up,
        across,
        mp.cos(angle) * up - mp.sin(angle) * beam,
    )


def along(first: mp.matrix, second: mp.matrix) -> mp.mpf:
    return mp.fdot(first, second)


@settings(max_examples=40, deadline=None)
@given(record=grazing)
@example(RECORD.model_copy(update={"incident_angle": 0.0, "delta": 0.0}))
def test_every_coordinate_is_a_component_of_the_momentum_transfer(record):
    qmap = q_map(record)
    with mp.workdps(40):
        e, w, n = surface_frame(record)
        for at in PIXELS:
            k, transfer = momentum_transfer(record, *at)
            tolerance = 1e-12 * k
            assert abs(qmap["q"][at] - mp.norm(transfer)) < tolerance
            assert abs(qmap["qx"][at] - along(transfer, e)) < tolerance
            assert abs(qmap["qy"][at] - along(transfer, w)) < tolerance
            assert abs(qmap["qz"][at] - along(transfer, n)) < tolerance
            assert abs(qmap["qr"][at] - mp.hypot(along(transfer, e), along(transfer, w))) < tolerance
            lab = lab_vector(record, *at)
            in_plane = mp.hypot(along(lab, e), along(lab, w)) / mp.norm(lab)
            alpha_f = mp.degrees(mp.atan2(along(lab, n) / mp.norm(lab), in_plane))
            assert abs(qmap["alpha_f"][at] - alpha_f) < 1e-10
            if in_plane > 1e-6:  # along the normal the in-plane angle means nothing
                tth = mp.degrees(mp.atan2(along(lab, w), along(lab, e)))
                off = float(qmap["tth"][at] - tth)
                assert abs((off + 180) % 360 - 180) < 1e-9 / float(in_plane)


@settings(max_examples=40, deadline=None)
@given(record=grazing)
@example(RECORD.model_copy(update={"delta": 5e-6, "beta": 1e-8}))
@example(RECORD.model_copy(update={"delta": 5e-6, "incident_angle": 0.05}))
def test_refraction_is_the_real_part_of_the_complex_root_and_nan_below_the_horizon(record):
    qmap = q_map(record)
    assert np.array_equal(np.isnan(qmap["qz_film"]), qmap["alpha_f"] < 0)
    with mp.workdps(40):
        index = mp.mpc(1 - mp.mpf(record.delta), record.beta or 0)
        n = surface_frame(record)[2]
        sine_i = mp.sin(mp.radians(record.incident_angle))
        for at in PIXELS:
            k, _ = momentum_transfer(record, *at)
            lab = lab_vector(record, *at)
            sine_f = along(lab, n) / mp.norm(lab)
            roots = [mp.sqrt(sine**2 - (1 - index**2)) for sine in (sine_i, sine_f)]
            if sine_f > 1e-14:
                # A root amplifies the rounding of sin² at the critical angle to its own square root.
                slack = 1e-12 + sum(
                    min(mp.mpf("1e-15") / max(abs(root), mp.mpf("1e-30")), 3e-8) for root in roots
                )
                assert abs(qmap["qz_film"][at] - k * mp.re(roots[0] + roots[1])) < slack * k


@settings(max_examples=30, deadline=None)
@given(record=grazing, angle=finite(0, 90), orientation=st.sampled_from(ORIENTATIONS))
def test_q_depends_neither_on_the_incident_angle_nor_on_the_orientation(record, angle, orientation):
    other = record.model_copy(update={"incident_angle": angle, "orientation": orientation})
    assert np.array_equal(q_map(record)["q"], q_map(other)["q"])
    assert np.array_equal(q_map(record)["phi"], q_map(other)["phi"])
    k = 2 * math.pi / record.wavelength
    qmap = q_map(other)
    assert np.allclose(np.hypot(qmap["qr"], qmap["qz"]), qmap["q"], rtol=0, atol=1e-12 * k)


@settings(max_examples=40, deadline=None)
@given(record=flat, angle=finite(0, 40), orientation=st.sampled_from(ORIENTATIONS))
def test_the_direct_beam_leaves_at_minus_the_incident_angle_and_the_specular_spot_at_plus(
    record, angle, orientation
):
    record = record.model_copy(update={"incident_angle": angle, "orientation": orientation, "delta": 1e-5})
    placed = {
        "direct_beam": -angle,
        "specular_pixel": angle,
        "horizon_pixel": 0.0,
        "yoneda_pixel": math.degrees(math.acos(1 - 1e-5)),
    }
    for name, expected in placed.items():
        x, y = getattr(record, name)
        centred = {
            "beam_center_x": record.beam_center_x - x + 4,
            "beam_center_y": record.beam_center_y - y + 3,
        }
        qmap = q_map(record.model_copy(update=centred))
        assert qmap["alpha_f"][3, 4] == pytest.approx(expected, abs=1e-8)
        assert qmap["tth"][3, 4] == pytest.approx(0, abs=1e-8)


@settings(max_examples=40, deadline=None)
@given(record=flat, angle=finite(0.001, 40), orientation=st.sampled_from(ORIENTATIONS))
def test_the_specular_spot_is_at_the_tangent_of_twice_the_incident_angle(record, angle, orientation):
    record = record.model_copy(update={"incident_angle": angle, "orientation": orientation})
    spot, beam = record.specular_pixel, record.direct_beam
    pixels = math.hypot(spot[0] - beam[0], spot[1] - beam[1])
    pitch = record.x_pixel_size if orientation in (90, 270) else record.y_pixel_size
    assert math.tan(math.radians(2 * angle)) == pytest.approx(pixels * pitch / record.distance, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(record=flat, angle=finite(0, 60), delta=finite(0, 1e-4))
def test_the_four_orientations_are_the_same_picture_turned(record, angle, delta):
    picture = record.model_copy(update={"incident_angle": angle, "orientation": 0, "delta": delta})
    maps = {axis: q_map(picture)[axis] for axis in q_map(picture) if axis not in ("phi", "x", "y")}
    for quarters, orientation in enumerate(ORIENTATIONS):
        qmap = q_map(turned(picture, quarters, orientation))
        k = 2 * math.pi / record.wavelength
        for axis, values in maps.items():
            scale = 180 if qmap.units[axis] == "deg" else k
            slack = 3e-8 if axis == "qz_film" else 1e-12  # the root at the critical angle
            expected = np.rot90(values, quarters)
            here = ~np.isnan(expected) & ~np.isnan(qmap[axis])
            assert np.allclose(qmap[axis][here], expected[here], rtol=0, atol=slack * scale), axis
            on_the_horizon = np.abs(np.rot90(maps["alpha_f"], quarters)) < 1e-10
            assert not ((np.isnan(expected) != np.isnan(qmap[axis])) & ~on_the_horizon).any()


def turned(record: GeometryRecord, quarters: int, orientation: int) -> GeometryRecord:
    """Return the geometry of ``np.rot90`` of the picture: a quarter turn takes up to the left."""
    for _ in range(quarters):
        record = record.model_copy(
            update={
                "beam_center_x": record.beam_center_y,
                "beam_center_y": record.shape[1] - 1 - record.beam_center_x,
                "x_pixel_size": record.y_pixel_size,
                "y_pixel_size": record.x_pixel_size,
                "shape": record.shape[::-1],
            }
        )
    return record.model_copy(update={"orientation": orientation})


@settings(max_examples=30, deadline=None)
@given(record=grazing, offset=finite(-1e-4, 1e-4))
def test_near_the_beam_every_component_keeps_its_digits(record, offset):
    still = dict.fromkeys(("swing_angle_horizontal", "swing_angle_vertical"), 0.0)
    near = record.model_copy(update=still | {"beam_center_x": 4 + offset, "beam_center_y": 3.0})
    qmap = q_map(near)
    with mp.workdps(40):
        e, _, n = surface_frame(near)
        k, transfer = momentum_transfer(near, 3, 4)
        assume(mp.norm(transfer) > 1e-25)
        for axis, exact in (("q", mp.norm(transfer)), ("qx", along(transfer, e)), ("qz", along(transfer, n))):
            assert abs(qmap[axis][3, 4] - exact) < 1e-12 * k * mp.norm(transfer) / k + 1e-30


def test_a_pixel_below_the_horizon_has_no_bin_of_qz_film_and_label_0():
    record = RECORD.model_copy(update={"delta": 5e-6})
    qmap = q_map(record)
    below = qmap["alpha_f"] < 0
    assert 0 < below.sum() < below.size
    recipe = PartitionRecipe(axes=("qz_film", "qy"), dynamic=(2, 2), static=(4, 4))
    part = partition(qmap, np.ones(SHAPE, bool), recipe)
    assert np.array_equal(part.dynamic_roi_map == 0, below)
    assert np.array_equal(part.static_roi_map == 0, below)
    assert not part.mask[below].any()
    assert np.isfinite(np.concatenate(part.dynamic.means)).all()


def test_below_the_critical_angle_a_film_without_absorption_adds_nothing_to_qz():
    record = RECORD.model_copy(
        update={"incident_angle": 0.05, "delta": 3e-7, "beam_center_y": 8.0, "y_pixel_size": 5e-4}
    )
    qmap = q_map(record)
    flagged = below_critical_angle(qmap)
    above = qmap["alpha_f"] >= record.critical_angle
    assert flagged.any()
    assert above.any()
    assert np.array_equal(flagged | above, ~np.isnan(qmap["qz_film"]))
    assert len(set(qmap["qz_film"][flagged])) == 1
    assert (qmap["qz_film"][above] > qmap["qz_film"][flagged][0]).all()
    with pytest.raises(ValueError, match="no delta"):
        below_critical_angle(q_map(RECORD))


def test_axes_follow_from_what_the_record_tells():
    transmission = RECORD.model_copy(update={"incident_angle": None})
    assert q_map(transmission).axes == ("q", "qr", "qx", "qy", "phi", "two_theta", "x", "y")
    extra = set(q_map(RECORD).axes) - set(q_map(transmission).axes)
    assert extra == {"qz", "alpha_f", "tth"}
    film = q_map(RECORD.model_copy(update={"delta": 1e-6}))
    assert set(film.axes) - set(q_map(RECORD).axes) == {"qz_film"}
    assert set(film.units) == set(film.axes) == set(film)
    with pytest.raises(KeyError, match="no axis 'qz_film'"):
        q_map(RECORD)["qz_film"]


def test_maps_asked_for_together_are_those_asked_for_alone():
    record = RECORD.model_copy(update={"delta": 1e-6})
    together = q_map(record).compute()
    for axis in together:
        assert np.array_equal(together[axis], q_map(record)[axis], equal_nan=True)
        assert not together[axis].flags.writeable
