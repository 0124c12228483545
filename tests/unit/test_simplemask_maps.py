"""The Q-map rows of XPCS Viewer's page, asked for as its scripts do."""

import numpy as np
import pytest

from xpcs_mask_bluesky import simplemask
from xpcs_mask_bluesky.qmap import maps
from xpcs_mask_bluesky.simplemask import (
    AssumedGeometry,
    compute_qmap,
    compute_reflection_qmap,
    compute_transmission_qmap,
)

SHAPE = (60, 80)
GIVEN = {"energy": 9.0, "bcx": 31.5, "bcy": 22.25, "shape": SHAPE, "pix_dim": 0.172, "det_dist": 700.0}
SURFACE = {"alpha_i_deg": 0.3, "orientation": "west"}
HC = 12.398419843320026


def by_the_page(energy, bcx, bcy, shape, pix_dim, det_dist):
    """Steps 1 to 6 of the page, written anew."""
    v, h = np.meshgrid(np.arange(shape[0]) - bcy, np.arange(shape[1]) - bcx, indexing="ij")
    r = np.sqrt(v**2 + h**2) * pix_dim
    alpha = np.arctan(r / det_dist)
    q = 2 * np.pi * energy / HC * np.sin(alpha)
    phi = -np.arctan2(v, h)
    return {"sqmap": q, "phis": np.degrees(phi), "qr": q, "qx": q * np.cos(phi), "qy": q * np.sin(phi)} | {
        "TTH": np.degrees(alpha)
    }


@pytest.mark.parametrize("name", ["sqmap", "phis", "qr", "qx", "qy", "TTH"])
def test_transmission_follows_the_formulas_of_the_page(name):
    found = compute_qmap("Transmission", GIVEN)[name]
    np.testing.assert_allclose(found, by_the_page(**GIVEN)[name], rtol=1e-12, atol=1e-14)
    assert found.dtype == np.float64


def test_at_small_angles_q_is_four_pi_over_lambda_times_the_sine_of_half_the_angle():
    sqmap = compute_qmap("Transmission", GIVEN | {"det_dist": 20_000.0})["sqmap"]
    alpha = np.radians(compute_qmap("Transmission", GIVEN | {"det_dist": 20_000.0})["TTH"])
    np.testing.assert_allclose(sqmap, 4 * np.pi * GIVEN["energy"] / HC * np.sin(alpha / 2), rtol=1e-6)


def test_the_direct_functions_take_the_centre_as_row_and_column():
    first = compute_qmap("Transmission", GIVEN)
    second = compute_transmission_qmap(9.0, (22.25, 31.5), SHAPE, 0.172, 700.0)
    for name, each in first.items():
        assert np.array_equal(each, second[name]), name
    third = compute_reflection_qmap(9.0, (22.25, 31.5), SHAPE, 0.172, 700.0, 0.3, "west")
    for name, each in compute_qmap("Reflection", GIVEN | SURFACE).items():
        assert np.array_equal(each, third[name]), name


def in_reflection(alpha_i_deg, orientation):
    """The exact vectors: |k_f - k_i| from the scattering angle, alpha_f from the surface's normal."""
    v, h = np.meshgrid(np.arange(60) - 22.25, np.arange(80) - 31.5, indexing="ij")
    up, across = {"north": (-v, h), "west": (-h, -v), "south": (v, -h), "east": (h, v)}[orientation]
    x, y, z = across * 0.172, up * 0.172, np.full(v.shape, 700.0)
    length, k, alpha = np.sqrt(x**2 + y**2 + z**2), 2 * np.pi * 9 / HC, np.radians(alpha_i_deg)
    normal = (y * np.cos(alpha) - z * np.sin(alpha)) / length
    along = (y * np.sin(alpha) + z * np.cos(alpha)) / length
    return {
        "alpha_f": np.degrees(np.arcsin(normal)),
        "tth": np.degrees(np.arctan2(x / length, along)),
        "qx": k * (along - np.cos(alpha)),
        "qy": k * x / length,
        "qz": k * (normal + np.sin(alpha)),
        "sqmap": k * np.sqrt(2 - 2 * z / length),
        "phis": np.degrees(np.arctan2(up, across)),
    }


@pytest.mark.parametrize("orientation", ["north", "west", "south", "east"])
def test_reflection_is_exact_at_every_orientation(orientation):
    found = compute_qmap("Reflection", GIVEN | {"alpha_i_deg": 0.3, "orientation": orientation})
    for name, expected in in_reflection(0.3, orientation).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-7, atol=2e-9, err_msg=name)
    np.testing.assert_allclose(found["qr"], np.hypot(found["qx"], found["qy"]), rtol=1e-12)
    assert {"sqmap", "phis", "qr", "qx", "qy"} <= set(found)


@pytest.mark.parametrize(("stype", "extra"), [("Transmission", {}), ("Reflection", SURFACE)])
def test_every_map_has_its_unit_and_cannot_be_written(stype, extra):
    found = compute_qmap(stype, GIVEN | extra)
    for name, each in found.items():
        assert simplemask.UNITS[name] in {"Å⁻¹", "deg", "px"}
        with pytest.raises(ValueError, match="read-only"):
            each[0, 0] = 1.0


def test_a_dictionary_that_a_caller_spoils_spoils_no_other():
    first = compute_qmap("Transmission", GIVEN)
    kept = first["sqmap"].copy()
    first["sqmap"] = np.zeros(SHAPE)
    assert np.array_equal(compute_qmap("Transmission", GIVEN)["sqmap"], kept)


@pytest.mark.parametrize(("stype", "extra"), [("Transmission", {}), ("Reflection", SURFACE)])
def test_other_numbers_of_the_same_shape_compile_nothing(stype, extra):
    compute_qmap(stype, GIVEN | extra)
    compiled = maps._compiled._cache_size()
    compute_qmap(stype, GIVEN | extra | {"bcx": 3.0, "energy": 11.0, "det_dist": 900.0})
    assert maps._compiled._cache_size() == compiled


@pytest.mark.parametrize("name", ["energy", "bcx", "bcy", "shape", "pix_dim", "det_dist"])
def test_a_missing_parameter_is_named_and_never_invented(name):
    with pytest.raises(ValueError, match=name):
        compute_qmap("Transmission", {key: value for key, value in GIVEN.items() if key != name})
    with pytest.raises(ValueError, match=name):
        compute_qmap("Transmission", GIVEN | {name: None})


@pytest.mark.parametrize("name", ["alpha_i_deg", "orientation"])
def test_reflection_invents_no_angle_and_no_orientation(name):
    with pytest.raises(ValueError, match=name):
        compute_qmap("Reflection", {k: v for k, v in (GIVEN | SURFACE).items() if k != name})
    with pytest.raises(ValueError, match=name):
        compute_reflection_qmap(9.0, (22, 31), SHAPE, 0.172, 700.0, **{**SURFACE, name: None})


def test_the_defaults_of_the_page_are_taken_when_asked_for_and_said():
    with pytest.warns(AssumedGeometry, match="energy=10.0.*pix_dim=0.075.*det_dist=5000.0"):
        found = compute_qmap("Transmission", {"shape": SHAPE}, assume_defaults=True)
    centre = {"bcx": 39.5, "bcy": 29.5, "energy": 10.0, "pix_dim": 0.075, "det_dist": 5000.0}
    expected = by_the_page(shape=SHAPE, **centre)["sqmap"]
    np.testing.assert_allclose(found["sqmap"], expected, rtol=1e-12)
    with pytest.warns(AssumedGeometry, match="alpha_i_deg=0.14, orientation=north"):
        found = compute_reflection_qmap(9.0, (22.25, 31.5), SHAPE, 0.172, 700.0, assume_defaults=True)
    given = compute_qmap("Reflection", GIVEN | {"alpha_i_deg": 0.14, "orientation": "north"})
    assert np.array_equal(found["qz"], given["qz"])


@pytest.mark.parametrize(
    ("stype", "change", "said"),
    [
        ("transmission", {}, "'Transmission' or 'Reflection'"),
        ("Reflection", SURFACE | {"orientation": "up"}, "orientation is 'up'; expected one of north"),
        ("Reflection", SURFACE | {"alpha_i_deg": 91.0}, "alpha_i_deg is 91.0 deg"),
        ("Transmission", {"det_dist": -5.0}, "det_dist is -5.0 mm"),
        ("Transmission", {"energy": float("nan")}, "energy is nan keV"),
        ("Transmission", {"shape": (0, 3)}, "shape is"),
    ],
)
def test_a_wrong_parameter_is_named_in_the_words_of_the_viewer(stype, change, said):
    with pytest.raises(ValueError, match=said):
        compute_qmap(stype, GIVEN | change)


@pytest.mark.parametrize("change", [{"det_dist": 0.7}, {"pix_dim": 1.72e-4}])
def test_metres_in_a_millimetre_box_are_doubted(change):
    with pytest.warns(UserWarning, match="given in m"):
        compute_qmap("Transmission", GIVEN | change)
