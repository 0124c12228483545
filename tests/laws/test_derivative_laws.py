"""Derivatives against differences in 40 digits, and moved labels against recomputing."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings

from tests.laws.strategies import SHAPE, SWUNG, TILTED, grazing, tilted
from tests.laws.test_qmap_laws import momentum_transfer
from tests.laws.test_reflection_laws import along, surface_frame
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, label_sensitivity, q_derivatives, q_map
from xpcs_mask_bluesky.partitions.make import natural_static_index

STEP = mp.mpf("1e-12")
FIELDS = (
    "incident_energy",
    "distance",
    "beam_center_x",
    "beam_center_y",
    "x_pixel_size",
    "y_pixel_size",
    *SWUNG,
    *TILTED,
)
AT = ((0, 0), (3, 4), (5, 8))


class Exact:
    """A record whose numbers are 40 digits long."""

    def __init__(self, record: GeometryRecord, **changes):
        self.__dict__ |= {name: getattr(record, name) for name in GeometryRecord.model_fields} | changes


def difference(record, field: str, coordinate) -> mp.mpf:
    value = mp.mpf(getattr(record, field))
    step = STEP * max(abs(value), mp.mpf("1e-4"))
    above, below = (coordinate(Exact(record, **{field: value + sign * step})) for sign in (1, -1))
    return (above - below) / (2 * step)


@settings(max_examples=6, deadline=None)
@given(record=tilted)
def test_every_derivative_of_q_is_the_limit_of_a_difference(record):
    found = q_derivatives(record)
    assert tuple(found) == FIELDS
    with mp.workdps(40):
        for at in AT:
            k, transfer = momentum_transfer(record, *at)
            assume(mp.norm(transfer) > 1e-6 * k)  # q has a cusp at the direct beam

            def q(geometry, at=at):
                return mp.norm(momentum_transfer(geometry, *at)[1])

            for field in FIELDS:
                exact = difference(record, field, q)
                scale = k / max(abs(mp.mpf(getattr(record, field))), mp.mpf("1e-4"))
                assert abs(found[field][at] - exact) < 1e-9 * (abs(exact) + scale), field


@settings(max_examples=6, deadline=None)
@given(record=grazing)
def test_the_derivative_of_qz_by_the_incident_angle_is_the_limit_of_a_difference(record):
    found = q_derivatives(record, ["incident_angle", "tilt_yaw"], axis="qz")
    assert not q_derivatives(record, ["incident_angle"])["incident_angle"].any()  # of q itself
    with mp.workdps(40):
        for at in AT:
            k, _ = momentum_transfer(record, *at)

            def qz(geometry, at=at):
                return along(momentum_transfer(geometry, *at)[1], surface_frame(geometry)[2])

            for field, slope in found.items():
                assert abs(slope[at] - difference(record, field, qz)) < 1e-10 * k


def test_a_film_has_derivatives_by_its_index():
    record = sensitive((6, 9)).model_copy(update={"incident_angle": 0.3, "delta": 5e-6, "beta": 1e-6})
    found = q_derivatives(record, ["delta", "beta"], axis="qz_film")
    k, above = 2 * np.pi / record.wavelength, q_map(record)["alpha_f"] > 0
    step = 1e-4
    for field, slope in found.items():
        value = getattr(record, field)
        low, high = (
            q_map(record.model_copy(update={field: value + sign * step * value}))["qz_film"]
            for sign in (-1, 1)
        )
        assert np.allclose(
            slope[above] * value, ((high - low) / (2 * step))[above], rtol=1e-6, atol=1e-10 * k
        )


def test_a_derivative_by_what_the_geometry_has_not_is_refused():
    record = sensitive((6, 9))
    with pytest.raises(ValueError, match="no parameter 'incident_angle'; this geometry has incident_energy"):
        q_derivatives(record, ["incident_angle"])
    with pytest.raises(ValueError, match="no axis 'qz'"):
        q_derivatives(record, axis="qz")
    assert not q_derivatives(record)["distance"].flags.writeable


def test_at_the_direct_beam_the_derivative_by_the_energy_is_0_and_by_the_centre_there_is_none():
    record = sensitive((6, 9)).model_copy(update={"beam_center_x": 4.0, "beam_center_y": 3.0})
    found = q_derivatives(record)
    assert found["incident_energy"][3, 4] == 0
    assert np.isnan(found["beam_center_x"][3, 4])


def sensitive(shape) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=shape[1] / 2 + 0.21,
        beam_center_y=shape[0] / 2 - 0.37,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=shape,
    )


def recomputed(record, recipe, mask, field, error) -> tuple[int, int]:
    """Count the pixels that change dynamic and static bin when the map is computed anew."""
    resolved = recipe.resolve(q_map(record), mask)
    other = record.model_copy(update={field: getattr(record, field) + error})
    static = [np.where(mask, natural_static_index(q_map(each), resolved), -1) for each in (record, other)]
    q_bins, phi_bins = (resolved.static[i] // resolved.dynamic[i] for i in (0, 1))
    dynamic = [
        np.where(
            each < 0,
            -1,
            each // resolved.static[1] // q_bins * resolved.dynamic[1]
            + each % resolved.static[1] // phi_bins,
        )
        for each in static
    ]
    return tuple(np.count_nonzero(before != after) for before, after in (dynamic, static))


@pytest.mark.parametrize("axes", [("q", "phi"), ("two_theta", "phi")])
def test_moved_labels_are_those_of_recomputing(axes):
    record, mask = sensitive((400, 500)), np.ones((400, 500), bool)
    mask[150:180] = False
    recipe = PartitionRecipe(axes=axes, dynamic=(20, 4), static=(100, 12))
    found = label_sensitivity(record, recipe, mask)
    assert set(found) == {"beam_center_x", "beam_center_y", "distance", "incident_energy"}
    for field, moved in found.items():
        dynamic, static = recomputed(record, recipe, mask, field, moved.error)
        assert moved.dynamic == pytest.approx(dynamic, rel=0.01, abs=5), field
        assert moved.static == pytest.approx(static, rel=0.01, abs=5), field
        assert moved.counted == mask.sum()
        follows = (field, axes[0]) != ("incident_energy", "two_theta")
        assert (0 < moved.dynamic <= moved.static) == follows


def test_a_third_of_a_pixel_moves_thousands_of_labels_of_a_4m_detector():
    record = sensitive((2162, 2068))
    recipe = PartitionRecipe(dynamic=(27, 1), static=(27, 1))
    (moved,) = label_sensitivity(record, recipe, errors={"beam_center_x": 0.3}).values()
    dynamic, _ = recomputed(record, recipe, np.ones(record.shape, bool), "beam_center_x", 0.3)
    assert moved.dynamic == pytest.approx(dynamic, rel=1e-3)
    assert 12_000 < moved.dynamic < 20_000  # of 4.47 million
    assert 0 < moved.worst_bin < 1


def test_no_error_moves_no_label_and_a_mask_of_another_shape_is_refused():
    record = sensitive(SHAPE)
    recipe = PartitionRecipe(dynamic=(2, 2), static=(4, 4))
    (moved,) = label_sensitivity(record, recipe, errors={"distance": 0.0}).values()
    assert (moved.dynamic, moved.static, moved.worst_bin) == (0, 0, 0.0)
    with pytest.raises(ValueError, match=r"mask is \(9, 6\)"):
        label_sensitivity(record, recipe, np.ones(SHAPE[::-1], bool))
    with pytest.raises(ValueError, match="no parameter 'delta'"):
        label_sensitivity(record, recipe, errors={"delta": 1e-6})
