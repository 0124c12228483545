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
