"""Our maps beside those of pySimpleMask, where it agrees, and by how much where it does not."""

import json

import numpy as np
import pytest

from tests.system.peers import provided
from tests.system.test_readers import SIMPLE_MASK
from xpcs_mask_bluesky import GeometryRecord, q_map

pytestmark = pytest.mark.timeout(1500)
SHAPE = (216, 206)
BASE = {
    "incident_energy": 10.0,
    "distance": 2.0,
    "beam_center_x": 100.3,
    "beam_center_y": 190.2,
    "x_pixel_size": 7.5e-4,
    "y_pixel_size": 7.5e-4,
    "shape": SHAPE,
}
CASES = {
    "still": {},
    "swung": {"swing_angle_horizontal": 7.0, "swing_angle_vertical": 4.0},
    **{f"surface{side}": {"incident_angle": 0.3, "orientation": side} for side in (0, 90, 180, 270)},
}
HC_THEIRS, HC_OURS = 12.39841984, 12.398419843320026


def ours(name):
    return GeometryRecord.model_validate(BASE | CASES[name])


def asked(record):
    """Return what pySimpleMask calls the geometry."""
    metadata = {
        "energy": record.incident_energy,
        "beam_center_x": record.beam_center_x,
        "beam_center_y": record.beam_center_y,
        "detector_shape_y": SHAPE[0],
        "detector_shape_x": SHAPE[1],
        "pixel_size": record.x_pixel_size,
        "detector_distance": record.distance,
        "swing_angle_horizontal": record.swing_angle_horizontal,
        "swing_angle_vertical": record.swing_angle_vertical,
    }
    if record.incident_angle is None:
        return "Transmission", metadata
    x, y = record.specular_pixel
    return "Reflection", metadata | {
        "specular_x": x,
        "specular_y": y,
        "incident_angle": record.incident_angle,
    }


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    (folder / "given.json").write_text(json.dumps({name: asked(ours(name)) for name in CASES}))
    provided(SIMPLE_MASK).ask("simplemask_maps.py", folder / "given.json", folder / "found.npz")
    return np.load(folder / "found.npz")


@pytest.mark.parametrize("name", CASES)
def test_q_and_the_angles_are_those_of_pysimplemask(theirs, name):
    qmap, constant = q_map(ours(name)), HC_THEIRS / HC_OURS
    k = 2 * np.pi * 10 / HC_OURS
    # Its arccos of a cosine loses half the digits near the beam.
    np.testing.assert_allclose(theirs[f"{name}/q"] * constant, qmap["q"], rtol=0, atol=1e-8 * k)
    np.testing.assert_allclose(theirs[f"{name}/TTH"], qmap["two_theta"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["still", "swung"])
def test_transmission_is_that_of_pysimplemask(theirs, name):
    qmap = q_map(ours(name))
    np.testing.assert_allclose(theirs[f"{name}/phi"], qmap["phi"], atol=1e-10)
    for axis in ("qx", "qy"):  # in single precision there
        np.testing.assert_allclose(theirs[f"{name}/{axis}"], qmap[axis], rtol=0, atol=2e-7)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("surface")])
def test_reflection_is_that_of_pysimplemask_at_every_orientation(theirs, name):
    qmap = q_map(ours(name))
    for axis in ("alpha_f", "tth"):
        np.testing.assert_allclose(theirs[f"{name}/{axis}"], qmap[axis], rtol=0, atol=1e-10)
    for axis in ("qx", "qy", "qz", "qr"):
        found = theirs[f"{name}/{axis}"] * HC_THEIRS / HC_OURS
        np.testing.assert_allclose(found, qmap[axis], rtol=0, atol=1e-12 * 2 * np.pi / 1.2398)
    turned = (theirs[f"{name}/phi"] - qmap["phi"] + CASES[name]["orientation"] + 180) % 360 - 180
    np.testing.assert_allclose(turned, 0, atol=1e-9)  # its phi counts from the surface, ours in the picture


def test_the_direct_beam_of_a_detector_swung_both_ways_is_not_where_pysimplemask_shows_it(theirs):
    """Two tangents side by side forget that the second swing turns what the first one moved."""
    row, column = theirs["swung/center"]
    x, y = ours("swung").direct_beam
    pixel = BASE["distance"] / BASE["x_pixel_size"]
    h, v = np.radians([7.0, 4.0])
    assert y - row == pytest.approx(0, abs=1e-9)
    assert x - column == pytest.approx(pixel * np.tan(h) * (1 / np.cos(v) - 1), rel=1e-9)
    assert 0.5 < x - column < 1
