"""PONI in and out, judged by pyFAI's own q."""

import json
import math
import sys

import numpy as np
import pyFAI
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.laws.strategies import PLACED, SWUNG, TILTED, finite
from xpcs_mask_bluesky import GeometryRecord, q_map
from xpcs_mask_bluesky.units import HC

SHAPE = (23, 31)
ORIENTATIONS = (1, 2, 3, 4)


def pyfai_q(path) -> np.ndarray:
    """Return pyFAI's own q, by its numpy path, in Å⁻¹."""
    integrator = pyFAI.load(str(path))
    return integrator.center_array(SHAPE, unit="q_A^-1")


def pyfai_chi(path) -> np.ndarray:
    integrator = pyFAI.load(str(path))
    return np.degrees(integrator.chiArray(SHAPE))


def poni_text(orientation: int = 3, **changes) -> str:
    config = {"pixel1": 1e-4, "pixel2": 7.5e-5, "max_shape": list(SHAPE), "orientation": orientation}
    lines = {
        "poni_version": 2.1,
        "Detector": "Detector",
        "Detector_config": json.dumps(config),
        "Distance": 0.4,
        "Poni1": 1.1e-3,
        "Poni2": 2.5e-4,
        "Rot1": 0.1,
        "Rot2": -0.2,
        "Rot3": 0.3,
        "Wavelength": 1.2e-10,
    } | changes
    return "".join(f"{key}: {value}\n" for key, value in lines.items() if value is not None)


@settings(max_examples=8, deadline=None)
@given(
    rot1=finite(-3.1, 3.1),
    rot2=finite(-3.1, 3.1),
    rot3=finite(-3.1, 3.1),
    poni1=finite(-0.01, 0.01),
    poni2=finite(-0.01, 0.01),
    distance=finite(0.05, 10),
)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_q_of_a_poni_file_is_that_of_pyfai(
    tmp_path_factory, orientation, rot1, rot2, rot3, poni1, poni2, distance
):
    # As the plane comes to lie along the beam, its point on the beam goes to infinity; a record ends at 1 km.
    assume(abs(math.cos(rot1) * math.cos(rot2)) > 0.02)  # 500 m
    numbers = {"Rot1": rot1, "Rot2": rot2, "Rot3": rot3, "Poni1": poni1, "Poni2": poni2, "Distance": distance}
    path = tmp_path_factory.mktemp("poni") / "a.poni"
    path.write_text(poni_text(orientation, **numbers))
    np.testing.assert_allclose(q_map(GeometryRecord.from_poni(path))["q"], pyfai_q(path), rtol=1e-9)


@settings(max_examples=8, deadline=None)
@given(record=st.builds(GeometryRecord, **PLACED | {"shape": st.just(SHAPE)}, **SWUNG, **TILTED))
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_pyfai_reads_from_our_poni_text_the_same_q(tmp_path_factory, orientation, record):
    assume(record.direct_beam is None or max(map(abs, record.direct_beam)) < 1e5)
    path = tmp_path_factory.mktemp("poni") / "a.poni"
    path.write_text(record.to_poni(orientation=orientation))
    ours, theirs = q_map(record)["q"], pyfai_q(path)
    k = 2 * math.pi / record.wavelength
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11 * k)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_azimuth_differs_from_pyfai_chi_by_the_image_s_sense_alone(tmp_path, orientation):
    """Ours is that of the picture, row 0 on top; pyFAI's is that of the laboratory."""
    path = tmp_path / "a.poni"
    path.write_text(poni_text(orientation))
    phi, chi = q_map(GeometryRecord.from_poni(path))["phi"], pyfai_chi(path)
    expected = {1: 180 - phi, 2: phi, 3: -phi, 4: 180 + phi}[orientation]
    assert np.abs((chi - expected + 180) % 360 - 180).max() < 1e-5  # pyFAI keeps chi in single precision


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_what_was_read_is_written_again(orientation):
    record = GeometryRecord.from_poni(poni_text(orientation))
    again = GeometryRecord.from_poni(record.to_poni(orientation=orientation))
    for name in ("distance", "beam_center_x", "beam_center_y", "incident_energy"):
        assert getattr(again, name) == pytest.approx(getattr(record, name), rel=1e-13, abs=1e-10)
    for name in ("tilt_pitch", "tilt_yaw", "tilt_roll"):
        assert getattr(again, name) == pytest.approx(getattr(record, name), abs=1e-12)


def test_the_half_pixel_and_the_wavelength_are_converted():
    record = GeometryRecord.from_poni(poni_text(Rot1=0, Rot2=0, Rot3=0))
    assert (record.beam_center_x, record.beam_center_y) == (2.5e-4 / 7.5e-5 - 0.5, 1.1e-3 / 1e-4 - 0.5)
    assert record.incident_energy == pytest.approx(HC / 1.2, rel=1e-15)
    assert (record.y_pixel_size, record.x_pixel_size, record.shape) == (1e-4, 7.5e-5, SHAPE)
    assert not record.is_tilted


def test_small_rotations_are_the_tilt_angle_by_angle():
    record = GeometryRecord.from_poni(poni_text())
    assert record.tilt_yaw == pytest.approx(-math.degrees(0.1), rel=1e-12)
    assert record.tilt_pitch == pytest.approx(-math.degrees(0.2), rel=1e-12)
    assert record.tilt_roll == pytest.approx(-math.degrees(0.3), rel=1e-12)
    assert record.swing_angle_horizontal == record.swing_angle_vertical == 0


def test_a_detector_past_the_beam_is_swung():
    record = GeometryRecord.from_poni(poni_text(Rot1=math.radians(-120), Rot2=0, Rot3=0))
    assert record.swing_angle_horizontal == pytest.approx(120)
    assert record.distance == 0.4
    assert record.direct_beam is None


def test_an_old_file_tells_its_pixels_in_lines_of_its_own():
    text = "# made by hand\npixelsize1: 1e-4\npixelsize2: 7.5e-05\ndistance: 0.4\nPoni1: 0\nPoni2: 0\n"
    record = GeometryRecord.from_poni(text, shape=SHAPE, incident_energy=9.0)
    assert (record.y_pixel_size, record.x_pixel_size, record.shape) == (1e-4, 7.5e-5, SHAPE)
    assert record.incident_energy == 9.0


def test_a_detector_that_pyfai_knows_tells_its_shape_and_pixels_by_name(tmp_path):
    text = poni_text(Detector="Eiger4M", Detector_config='{"orientation": 2}')
    record = GeometryRecord.from_poni(text)
    assert (record.shape, record.x_pixel_size) == ((2167, 2070), 75e-6)
    (tmp_path / "a.poni").write_text(text)
    theirs = pyFAI.load(str(tmp_path / "a.poni")).center_array(record.shape, unit="q_A^-1")
    np.testing.assert_allclose(q_map(record)["q"], theirs, rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Distance": None}, "no distance"),
        ({"Poni1": "north"}, "poni1 .* 'north'; expected a number"),
        ({"Rot1": "nan"}, "rot1 .* 'nan'; expected a finite"),
        ({"Wavelength": None}, "no wavelength; pass incident_energy="),
        ({"Wavelength": "-1e-10"}, "wavelength .* -1e-10 m"),
        ({"Detector": "Lasso9000"}, "'Lasso9000' .* unknown to pyFAI"),
        ({"Detector": "Xpad_flat", "Detector_config": "{}"}, "no regular flat grid"),
        ({"Detector": "/a/nexus.h5"}, "distortion file"),
        ({"Detector_config": "{"}, "Detector_config .* no JSON"),
        ({"Detector_config": "[1]"}, "Detector_config .* JSON object"),
        ({"Detector_config": '{"pixel1": 1e-4}'}, "not its pixel2, max_shape"),
        ({"Detector_config": '{"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": 5}'}, "max_shape .* got 5"),
        ({"Parallax": "True"}, "parallax"),
    ],
)
def test_a_poni_file_that_tells_no_geometry_is_refused_by_the_name_of_what_is_wrong(change, said):
    with pytest.raises(ValueError, match=said):
        GeometryRecord.from_poni(poni_text(**change))


@pytest.mark.parametrize("orientation", [5, 8, 9])
def test_an_orientation_that_pyfai_does_not_support_is_refused(orientation):
    with pytest.raises(ValueError, match=f"orientation .* {orientation}"):
        GeometryRecord.from_poni(poni_text(orientation))
    with pytest.raises(ValueError, match=f"orientation is {orientation}"):
        GeometryRecord.from_poni(poni_text()).to_poni(orientation=orientation)


def test_the_poni_file_of_another_detector_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"of a detector of \(23, 31\), expected \(512, 1028\)"):
        GeometryRecord.from_poni(poni_text(), shape=(512, 1028))
    with pytest.raises(ValueError, match="8 keV, the PONI file's wavelength means"):
        GeometryRecord.from_poni(poni_text(), incident_energy=8.0)
    with pytest.raises(ValueError, match="cannot be read as a PONI file"):
        GeometryRecord.from_poni(tmp_path / "not_there.poni")


def test_without_pyfai_a_named_detector_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyFAI.detectors", None)  # as if it were not installed
    with pytest.raises(ValueError, match=r"pixel1, pixel2, max_shape; pip install .*\[pyfai\]"):
        GeometryRecord.from_poni(poni_text(Detector="Eiger4M", Detector_config='{"orientation": 3}'))


def test_a_surface_has_no_place_in_a_poni_file_and_that_is_said():
    record = GeometryRecord.from_poni(poni_text()).model_copy(update={"incident_angle": 0.2})
    with pytest.warns(UserWarning, match="does not say the incident angle"):
        assert GeometryRecord.from_poni(record.to_poni()).incident_angle is None
