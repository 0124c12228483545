"""Centre and distance from rings, on images made by another formula; and every way to be refused."""

import warnings

import numpy as np
import pytest

from tests.unit.powder import AGBH, LAB6, Camera, rings, spheres
from xpcs_mask_bluesky import Calibrant, CalibrationError, fit_calibrant

NEAR = Camera()
"""Small angles: two whole orders of silver behenate."""
WIDE = Camera(energy=20.0, distance=0.1, shape=(300, 310), x=140.37, y=158.61)
"""Rings up to 35°: many of lanthanum hexaboride."""
OFF = {"beam_center_x": 6.0, "beam_center_y": -7.0}
WIDTH = {"AgBh": 0.01, "LaB6": 0.012}


def powder(name: str, seed: int = 1, camera: Camera | None = None) -> tuple[Camera, np.ndarray]:
    camera = camera or {"AgBh": NEAR, "LaB6": WIDE}[name]
    return camera, rings(camera, {"AgBh": AGBH, "LaB6": LAB6}[name], seed=seed, width=WIDTH[name])


def deviations(found, camera: Camera) -> dict[str, float]:
    return {
        "beam_center_x": found.record.beam_center_x - camera.x,
        "beam_center_y": found.record.beam_center_y - camera.y,
        "distance": found.record.distance - camera.distance,
    }


@pytest.mark.parametrize("name", ["AgBh", "LaB6"])
def test_d_spacings_are_those_of_pyfai(name):
    calibrant = pytest.importorskip("pyFAI.calibrant")
    table = calibrant.get_calibrant({"AgBh": "AgBh", "LaB6": "LaB6_SRM660c"}[name])
    theirs = sorted((each for each in table.dspacing if each > 0.5), reverse=True)
    ours = [each for each in Calibrant.named(name).d_spacings if each > 0.5]
    number = min(len(theirs), len(ours), 15)
    assert number >= 10
    assert ours[:number] == pytest.approx(theirs[:number], rel=1e-6)


@pytest.mark.parametrize("name", ["AgBh", "LaB6"])
def test_rings_tell_centre_and_distance_with_honest_uncertainties(name):
    pulls = []
    for seed in range(6):
        camera, image = powder(name, seed)
        guess = camera.record(distance=0.02 * camera.distance, **OFF)
        found = fit_calibrant(image, guess, mask=camera.mask(), calibrant=name)
        off = deviations(found, camera)
        assert max(abs(off["beam_center_x"]), abs(off["beam_center_y"])) < 0.05
        assert abs(off["distance"]) < 5e-4 * camera.distance
        pulls += [off[field] / found.uncertainties[field] for field in off]
    assert 4.9 < np.sum(np.square(pulls)) < 42.4  # χ² of 18: 0.1 % and 99.9 %
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(18)


@pytest.mark.parametrize(
    "camera",
    [
        NEAR.swapped(pixel=(172e-6, 100e-6)),
        NEAR.swapped(x=-20.0),
        NEAR.swapped(distance=0.45),
    ],
    ids=["oblong pixels", "beam off the detector", "near"],
)
def test_other_cameras_are_calibrated_as_well(camera):
    _, image = powder("AgBh", camera=camera)
    found = fit_calibrant(image, camera.record(**OFF), mask=camera.mask())
    for field, off in deviations(found, camera).items():
        assert abs(off) < max(4 * found.uncertainties[field], 1e-12), field


def test_hot_pixels_texture_and_weak_light_do_not_mislead():
    camera, image = powder("AgBh")
    row, column = np.indices(camera.shape)
    along = np.arctan2(row - camera.y, column - camera.x)
    random = np.random.default_rng(3)
    image = random.poisson(0.05 * image * (1 + 0.5 * np.cos(2 * along))).astype(float)
    image[random.random(image.shape) < 1e-3] = 65535
    found = fit_calibrant(image, camera.record(**OFF), mask=camera.mask())
    for field, off in deviations(found, camera).items():
        assert abs(off) < 4 * found.uncertainties[field], field


def test_a_swung_detector_keeps_its_swing():
    camera, image = powder("AgBh")
    record = camera.record(**OFF).model_copy(update={"tilt_roll": 30.0})
    found = fit_calibrant(image, record, mask=camera.mask())
    assert found.record.tilt_roll == 30.0
    assert found.before == record


def test_a_proposal_tells_of_each_ring():
    camera, image = powder("LaB6")
    found = fit_calibrant(image, camera.record(**OFF), mask=camera.mask(), calibrant="LaB6")
    assert len(found.rings) >= 6
    assert all(abs(ring.residual) < 4 * ring.uncertainty for ring in found.rings)
    assert found.calibrant.startswith("LaB6 (pyFAI")
    assert "d = 4.1568 Å" in found.describe()
    assert found.chi_squared == pytest.approx(1, abs=0.02)


def test_a_wrong_energy_shows_in_the_uncertainties_as_far_as_rings_can_tell():
    camera, image = powder("LaB6")
    right = fit_calibrant(image, camera.record(**OFF), mask=camera.mask(), calibrant="LaB6")
    other = camera.record(**OFF).model_copy(update={"incident_energy": 20.4})
    wrong = fit_calibrant(image, other, mask=camera.mask(), calibrant="LaB6")
    assert wrong.uncertainties["distance"] > 3 * right.uncertainties["distance"]


def flat(camera: Camera) -> np.ndarray:
    return np.random.default_rng(0).poisson(20, camera.shape).astype(float)


@pytest.mark.parametrize(
    ("camera", "image", "calibrant", "off", "said"),
    [
        (NEAR, powder("AgBh")[1], "LaB6", 0.0, "LaB6 has no ring .its first is at 1.512"),
        (WIDE, powder("LaB6")[1], "AgBh", 0.0, "calibrant"),
        (NEAR, spheres(NEAR, seed=1), "AgBh", 0.0, "no ring of this calibrant within 5%"),
        (NEAR, flat(NEAR), "AgBh", 0.0, "at the border|no ring"),
        (NEAR, powder("AgBh")[1], "AgBh", 0.07, "no ring of this calibrant within 5%"),
        (NEAR, powder("AgBh")[1], "AgBh", 0.0497, "at the border of the 5% searched"),
        (NEAR, powder("AgBh")[1][:, ::-1], "AgBh", 0.0, None),
    ],
    ids=["no such ring", "another powder", "spheres", "flat", "distance", "border", "mirrored"],
)
def test_rings_that_do_not_fit_are_refused_in_words(camera, image, calibrant, off, said):
    guess = camera.record(distance=off * camera.distance, beam_center_x=4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if said is None:  # the mirror image has its centre elsewhere, so it is found there
            guess = camera.record(beam_center_x=camera.shape[1] - 1 - 2 * camera.x)
            found = fit_calibrant(image, guess, mask=camera.mask()[:, ::-1], calibrant=calibrant)
            assert found.record.beam_center_x == pytest.approx(camera.shape[1] - 1 - camera.x, abs=0.05)
            return
        with pytest.raises(CalibrationError, match=said):
            fit_calibrant(image, guess, mask=camera.mask(), calibrant=calibrant)


def test_two_distances_that_fit_alike_are_not_chosen_between():
    one = Calibrant(name="one ring", source="this test", d_spacings=(2 * np.pi / 0.11,))
    heights = {0.10: 85.0, 0.12: 60.0}
    pair = [rings(NEAR, np.array([q]), seed=1, width=0.01, height=high) for q, high in heights.items()]
    with pytest.raises(CalibrationError, match=r"fit .* m and .* m about equally well"):
        fit_calibrant(sum(pair), NEAR.record(), mask=NEAR.mask(), calibrant=one, distance_within=0.15)


def test_an_unknown_calibrant_is_refused_with_those_there_are():
    camera, image = powder("AgBh")
    with pytest.raises(ValueError, match="no calibrant 'Ag'; there is AgBh, LaB6"):
        fit_calibrant(image, camera.record(), mask=camera.mask(), calibrant="Ag")


def test_too_short_an_arc_determines_too_little():
    camera, image = powder("AgBh")
    mask = camera.mask()
    mask[:, :350] = False
    mask[:185] = False
    weak = np.random.default_rng(1).poisson(0.5 * image).astype(float)
    with pytest.raises(CalibrationError, match=r"determines beam_center_x to ±.* only; more photons"):
        fit_calibrant(weak, camera.record(), mask=mask)
