"""The beam centre from one image: a real one, and made ones whose centre is known."""

import numpy as np
import pytest

from tests.unit.powder import AGBH, Camera, rings, spheres
from xpcs_mask_bluesky import CalibrationError, GeometryRecord, find_beam_center
from xpcs_mask_bluesky.units import HC

SMALL = Camera(distance=5.0, pixel=(75e-6, 75e-6), shape=(220, 240), x=110.3, y=103.2)
DIRECTIONS = [(10, 0), (-10, 0), (0, 10), (0, -10), (7, 7), (-7, 7), (7, -7), (-7, -7)]


def of_duke(shape, column: float, row: float) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=HC / 1.5498,
        distance=2.2,
        beam_center_x=column,
        beam_center_y=row,
        x_pixel_size=55e-6,
        y_pixel_size=55e-6,
        shape=shape,
    )


@pytest.mark.parametrize("off", DIRECTIONS, ids=str)
def test_a_real_image_tells_its_centre_from_ten_pixels_off(shared_data, off):
    image = np.load(shared_data / "duke" / "duke_img.npy")
    found = find_beam_center(image, of_duke(image.shape, 143 + off[0], 133 + off[1]), mask=image != 0)
    assert found.record.beam_center_x == pytest.approx(143, abs=1)
    assert found.record.beam_center_y == pytest.approx(133, abs=1)
    assert found.fields == ("beam_center_x", "beam_center_y")
    assert found.record.distance == 2.2


def test_the_centre_of_a_real_image_does_not_depend_on_the_guess(shared_data):
    image = np.load(shared_data / "duke" / "duke_img.npy")
    found = [
        find_beam_center(image, of_duke(image.shape, 143 + x, 133 + y), mask=image != 0).record
        for x, y in DIRECTIONS[::3]
    ]
    assert np.ptp([each.beam_center_x for each in found]) < 1e-3
    assert np.ptp([each.beam_center_y for each in found]) < 1e-3


def test_uncertainties_are_those_of_repeated_images():
    pulls = []
    for seed in range(10):
        found = find_beam_center(
            spheres(SMALL, seed=seed), SMALL.record(beam_center_x=6, beam_center_y=-7), mask=SMALL.mask()
        )
        for field, truth in (("beam_center_x", SMALL.x), ("beam_center_y", SMALL.y)):
            assert abs(getattr(found.record, field) - truth) < 0.05
            pulls.append((getattr(found.record, field) - truth) / found.uncertainties[field])
    assert 5.9 < np.sum(np.square(pulls)) < 45  # χ² of 20: 0.1 % and 99.9 %
    assert abs(np.mean(pulls)) < 3.3 / np.sqrt(20)


def test_sharp_rings_and_a_hot_pixel_shift_no_centre():
    camera = Camera()
    image = rings(camera, AGBH, seed=1, width=0.006)
    image[np.random.default_rng(3).random(image.shape) < 1e-3] = 65535
    found = find_beam_center(image, camera.record(beam_center_x=6, beam_center_y=-7), mask=camera.mask())
    for field, uncertainty in found.uncertainties.items():
        off = getattr(found.record, field) - getattr(camera.record(), field)
        assert abs(off) < min(0.05, 4 * uncertainty)


def test_what_is_proposed_says_where_it_comes_from():
    image = spheres(SMALL, seed=0)
    found = find_beam_center(
        image,
        SMALL.record(beam_center_x=2),
        mask=SMALL.mask(),
        run="4d77bd82-1",
        stream="primary",
        frames="0",
    )
    assert (found.image.run, found.image.stream, found.image.frames) == ("4d77bd82-1", "primary", "0")
    assert found.before == SMALL.record(beam_center_x=2)
    assert "of run 4d77bd82" in found.describe()
    assert "beam_center_x: 112.3000 -> 110." in found.describe()
    assert type(found).model_validate_json(found.model_dump_json()) == found


def noise(camera: Camera) -> np.ndarray:
    return np.random.default_rng(0).poisson(20, camera.shape).astype(float)


@pytest.mark.parametrize(
    ("image", "mask", "off", "said"),
    [
        (noise, Camera.mask, 0, "no centre can be told|at the border"),
        (lambda camera: np.zeros(camera.shape), Camera.mask, 0, "all counted pixels are 0; was the shutter"),
        (lambda camera: spheres(camera, seed=0), Camera.mask, 25, "at the border of the 15 px"),
        (lambda camera: spheres(camera, seed=0), lambda camera: np.zeros(camera.shape, bool), 0, "inverted"),
        (lambda camera: np.full(camera.shape, np.nan), Camera.mask, 0, "not finite"),
    ],
    ids=["noise", "dark", "far", "mask", "nan"],
)
def test_an_image_that_tells_no_centre_is_refused(image, mask, off, said):
    with pytest.raises(CalibrationError, match=said):
        find_beam_center(image(SMALL), SMALL.record(beam_center_x=off), mask=mask(SMALL))


@pytest.mark.parametrize("what", ["image", "mask"])
def test_a_transposed_image_or_mask_is_said(what):
    image, mask = spheres(SMALL, seed=0), SMALL.mask()
    given = {"image": image.T if what == "image" else image, "mask": mask.T if what == "mask" else mask}
    with pytest.raises(ValueError, match=rf"the {what} is \(240, 220\).*transposed"):
        find_beam_center(record=SMALL.record(), **given)


def sloping(camera: Camera, slope: float, *, seed: int, **kind) -> np.ndarray:
    """Return a pattern whose intensity grows by the part ``slope`` every 100 columns."""
    columns = np.indices(camera.shape)[1]
    made = kind.pop("made", spheres)
    even = np.mean([made(camera, seed=1000 + each, **kind) for each in range(60)], axis=0)
    return np.random.default_rng(seed).poisson(even * (1 + slope * (columns - camera.x) / 100)).astype(float)


def ring_image(camera: Camera, *, seed: int) -> np.ndarray:
    return rings(camera, AGBH, seed=seed, width=0.006)


def test_rings_tell_their_centre_on_a_sloping_intensity():
    camera, slope = Camera(pixel=(344e-6, 344e-6), shape=(200, 210), x=101.7, y=94.3), -0.1
    image = sloping(camera, slope, seed=7, made=ring_image)
    found = find_beam_center(image, camera.record(beam_center_x=3), mask=camera.mask())
    assert found.intensity_slope == pytest.approx((slope, 0), abs=0.005)
    for field, uncertainty in found.uncertainties.items():
        assert abs(getattr(found.record, field) - getattr(camera.record(), field)) < 4 * uncertainty < 0.1
    assert f"{100 * slope:+.1f} % per 100 columns" in found.describe()


@pytest.mark.parametrize("slope", [0.02, 0.2])
def test_no_centre_far_off_is_proposed_where_the_intensity_slopes(slope):
    image = sloping(SMALL, slope, seed=3)
    try:
        found = find_beam_center(image, SMALL.record(beam_center_x=2), mask=SMALL.mask())
    except CalibrationError as refusal:
        assert "slopes to one side" in str(refusal)
    else:
        assert abs(found.record.beam_center_x - SMALL.x) < 4 * found.uncertainties["beam_center_x"]
        assert found.intensity_slope is not None


def test_a_slope_too_small_to_be_seen_moves_the_centre_as_told():
    images = [sloping(SMALL, slope, seed=11) for slope in (0.0, 0.005)]
    even, tilted = (find_beam_center(each, SMALL.record(), mask=SMALL.mask()) for each in images)
    assert tilted.intensity_slope is None
    assert tilted.slope_sensitivity is not None
    moved = tilted.record.beam_center_x - even.record.beam_center_x
    assert moved == pytest.approx(
        0.005 * tilted.slope_sensitivity[0], abs=4 * even.uncertainties["beam_center_x"]
    )
    assert "no intensity slope seen" in tilted.describe()


def test_an_image_that_is_not_circular_widens_the_uncertainty():
    rows, columns = np.indices(SMALL.shape)
    x = np.hypot(1.05 * (columns - SMALL.x), rows - SMALL.y) / 12 + 1e-9
    expected = 400 * (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2 + 1
    found = find_beam_center(np.random.default_rng(2).poisson(expected), SMALL.record(), mask=SMALL.mask())
    assert abs(found.record.beam_center_x - SMALL.x) < 4 * found.uncertainties["beam_center_x"]
    assert found.uncertainties["beam_center_x"] > 0.02


def test_a_real_image_that_slopes_is_fitted_with_its_slope(shared_data):
    image = np.load(shared_data / "duke" / "duke_img.npy")
    found = find_beam_center(image, of_duke(image.shape, 140, 130), mask=image != 0)
    assert found.intensity_slope is not None
    assert found.record.beam_center_x == pytest.approx(143, abs=0.3)
    assert found.record.beam_center_y == pytest.approx(133, abs=0.3)
