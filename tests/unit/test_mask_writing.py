"""Masks for other programs: what we write is what they and we read."""

import itertools

import fabio
import numpy as np
import pytest
import tifffile

from xpcs_mask_bluesky import (
    GeometryRecord,
    PartitionRecipe,
    evaluate,
    partition,
    q_map,
    read_mask,
    write_label_image,
    write_mask,
)
from xpcs_mask_bluesky.files.images import Orientation, Polarity
from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Rectangle

SHAPE = (12, 17)
MASK = np.random.default_rng(3).random(SHAPE) < 0.8
FORMATS = (".tif", ".h5", ".npy", ".edf", ".msk")


@pytest.mark.parametrize("orientation", Orientation.__args__)
@pytest.mark.parametrize(
    ("suffix", "polarity"),
    [pair for pair in itertools.product(FORMATS, Polarity.__args__) if pair != (".msk", "pixel_mask")],
)
def test_a_mask_comes_back_by_the_words_that_it_was_written_with(tmp_path, suffix, polarity, orientation):
    path = write_mask(MASK, tmp_path / f"mask{suffix}", polarity=polarity, orientation=orientation)
    dataset = "/entry/mask" if suffix == ".h5" else None
    again = read_mask(path, shape=SHAPE, polarity=polarity, orientation=orientation, dataset=dataset)
    assert np.array_equal(again, MASK)
    assert list(tmp_path.iterdir()) == [path]


def test_fit2d_masks_hold_no_bits_of_nexus(tmp_path):
    with pytest.raises(ValueError, match=r"\.msk holds one bit"):
        write_mask(MASK, tmp_path / "mask.msk", polarity="pixel_mask")


@pytest.mark.parametrize("suffix", [".edf", ".npy", ".tif"])
def test_pyfai_integrates_the_pixels_that_the_mask_counts(tmp_path, suffix):
    from pyFAI.integrator.azimuthal import AzimuthalIntegrator

    path = write_mask(MASK, tmp_path / f"mask{suffix}", polarity="bad")
    with fabio.open(str(path)) as image:
        bad = image.data
    integrator = AzimuthalIntegrator(
        dist=1, poni1=1e-3, poni2=1e-3, pixel1=1e-4, pixel2=1e-4, wavelength=1e-10
    )
    result = integrator.integrate1d(np.ones(SHAPE), 5, mask=bad, method=("no", "histogram", "cython"))
    assert result.count.sum() == np.count_nonzero(MASK)


def test_a_mask_of_ours_is_written_as_it_is(tmp_path):
    operation = Rectangle(row=5, column=5, height=4, width=4)
    mask = evaluate(History(default=()).apply(operation), shape=SHAPE)
    written = np.load(write_mask(mask, tmp_path / "mask.npy", polarity="good"))
    assert written.dtype == np.uint8
    assert np.array_equal(written, np.asarray(mask))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": "mask.bmp"}, "suffix that tells no format"),
        ({"polarity": "white"}, "polarity is 'white'"),
        ({"orientation": "x,y"}, "orientation is 'x,y'"),
        ({"mask": MASK.astype("u1")}, "mask is uint8"),
        ({"mask": MASK[0]}, "mask is bool"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_no_file(tmp_path, change, reason):
    given = {"mask": MASK, "path": "mask.tif", "polarity": "good"} | change
    with pytest.raises(ValueError, match=reason):
        write_mask(given.pop("mask"), tmp_path / given.pop("path"), **given)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def part():
    record = GeometryRecord(
        incident_energy=10.0,
        distance=1.0,
        beam_center_x=33.25,
        beam_center_y=21.5,
        x_pixel_size=1e-4,
        y_pixel_size=1e-4,
        shape=(60, 80),
    )
    mask, blemish = np.ones(record.shape, bool), np.ones(record.shape, bool)
    mask[5:9, 11:20] = blemish[40] = False
    return partition(q_map(record), mask, PartitionRecipe(dynamic=(4, 3), static=(40, 30)), blemish)


@pytest.mark.parametrize("which", ["dynamic", "static"])
def test_a_label_tiff_holds_the_labels(tmp_path, part, which):
    path = write_label_image(part, tmp_path / "labels.tif", which=which)
    with tifffile.TiffFile(path) as file:
        assert np.array_equal(file.asarray(), getattr(part, f"{which}_roi_map"))
        assert part.digest in file.pages.first.description
        assert file.pages.first.dtype == getattr(part, f"{which}_roi_map").dtype


def test_a_label_png_has_a_colour_for_each_label_and_two_for_the_rest(tmp_path, part):
    from PIL import Image

    # more labels than are numbered: pure colours
    picture = np.asarray(Image.open(write_label_image(part, tmp_path / "labels.png", which="static")))
    assert picture.shape == (60, 80, 3)
    assert len(part.static.index_mapping) > 400
    assert (picture[~part.blemish] == 0).all()
    assert (picture[part.blemish & ~part.mask] == 38).all()
    assert picture[part.mask].max(axis=1).min() > 100
    for label in (1, 2, 300):
        assert len(np.unique(picture[part.static_roi_map == label], axis=0)) == 1


def test_a_label_png_of_few_labels_writes_their_numbers_in_their_bins(tmp_path, part):
    from PIL import Image

    picture = np.asarray(Image.open(write_label_image(part, tmp_path / "labels.png")))
    counts = part.dynamic.counts
    assert (counts > 200).sum() > 5
    for label in np.flatnonzero(counts > 200) + 1:
        colours, pixels = np.unique(picture[part.dynamic_roi_map == label], axis=0, return_counts=True)
        assert len(colours) > 1, label
        assert pixels.max() > 0.7 * pixels.sum()


def test_another_suffix_or_map_is_refused(tmp_path, part):
    with pytest.raises(ValueError, match=r"known are \.tif, \.tiff, \.png"):
        write_label_image(part, tmp_path / "labels.jpg")
    with pytest.raises(ValueError, match="expected 'dynamic' or 'static'"):
        write_label_image(part, tmp_path / "labels.png", which="both")
