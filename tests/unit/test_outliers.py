"""Outliers by ring and box, against numpy on one region after the other."""

import numpy as np
import pytest

from xpcs_mask_bluesky import Blemish, Circle, GeometryRecord, ImageReference, Outliers, evaluate, q_map
from xpcs_mask_bluesky.digests import array_digest


def geometry(shape, row, column) -> GeometryRecord:
    return GeometryRecord(
        incident_energy=8.0,
        distance=2.2,
        beam_center_x=column,
        beam_center_y=row,
        x_pixel_size=55e-6,
        y_pixel_size=55e-6,
        shape=shape,
    )


def reference(values: np.ndarray, operation: Outliers) -> np.ndarray:
    if operation.method == "mad":
        middle = np.median(values)
        spread = np.median(np.abs(values - middle)) / 0.6744897501960817
    else:
        low, high = np.percentile(values, operation.percentiles)
        clipped = values[(values >= low) & (values <= high)]
        middle, spread = clipped.mean(), clipped.std()
    return (
        np.abs(values - middle) >= operation.cutoff * spread if spread > 0 else np.zeros(values.shape, bool)
    )


def one_by_one(image, good, operation, q) -> np.ndarray:
    rows, columns = np.indices(image.shape)
    if operation.by == "box":
        labels = rows // operation.box * 10_000 + columns // operation.box
    else:
        edges = np.linspace(q[good].min(), q[good].max(), operation.rings + 1)
        labels = np.clip(np.searchsorted(edges, q, side="right"), 1, operation.rings)
    found = np.zeros(image.shape, bool)
    for label in np.unique(labels[good]):
        there = good & (labels == label)
        found[there] = reference(image[there].astype(float), operation)
    return found


WAYS = [
    Outliers(by=by, method=method, cutoff=cutoff, box=25, rings=40)
    for by in ("q", "box")
    for method, cutoff in (("mad", 5.0), ("percentile", 3.0))
]


def ids(operation):
    return f"{operation.by}-{operation.method}"


@pytest.mark.parametrize("operation", WAYS, ids=ids)
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint16"])
def test_the_same_pixels_as_numpy_finds_region_by_region(operation, dtype):
    rng = np.random.default_rng(3)
    shape = (110, 90)  # boxes of 25 do not fill it
    image = (40 + rng.gamma(50.0, 3.0, shape)).astype(dtype)
    image[rng.random(shape) < 0.002] *= 3
    good = rng.random(shape) < 0.9
    qmap = q_map(geometry(shape, 40.2, 50.7))
    found = evaluate([Blemish.from_array(good), operation], shape=shape, image=image, qmap=qmap)
    outlying = good & ~np.asarray(found)
    assert outlying.sum() > 10
    assert np.array_equal(outlying, one_by_one(image, good, operation, qmap["q"]))


@pytest.mark.parametrize("operation", WAYS, ids=ids)
def test_the_same_pixels_as_numpy_finds_in_a_real_image(operation, shared_data):
    image = np.load(shared_data / "duke" / "duke_img.npy")
    good = image != 0
    qmap = q_map(geometry(image.shape, 133, 143))
    mask = evaluate([Blemish.from_array(good), operation], shape=image.shape, image=image, qmap=qmap)
    outlying = good & ~np.asarray(mask)
    assert outlying.any()
    assert np.array_equal(outlying, one_by_one(image, good, operation, qmap["q"]))


@pytest.mark.parametrize("by", ["q", "box"])
def test_hot_and_dark_pixels_are_found_and_hardly_any_other(by):
    rng = np.random.default_rng(7)
    shape = (256, 256)
    qmap = q_map(geometry(shape, 120.3, 130.8))
    image = rng.poisson(1e4 * np.exp(-qmap["q"] / qmap["q"].max()), shape).astype(float)
    faulty = rng.random(shape) < 1 / 500
    image[faulty] *= rng.choice([0.0, 2.0], int(faulty.sum()))
    mask = evaluate([Outliers(by=by, cutoff=6)], shape=shape, image=image, qmap=qmap)
    found = ~np.asarray(mask)
    assert (found & faulty).sum() == faulty.sum()
    assert (found & ~faulty).sum() <= 2


def test_only_what_other_layers_leave_is_looked_at_and_drawings_do_not_matter():
    image = np.full((20, 20), 10.0) + np.arange(400).reshape(20, 20) % 3
    image[:9] = 1000.0
    image[15, 15] = 40.0
    image[16, 16] = np.nan
    good = np.ones((20, 20), bool)
    good[:9] = False
    boxes = Outliers(by="box", box=20)
    mask = evaluate([Blemish.from_array(good), boxes], shape=(20, 20), image=image)
    assert np.argwhere(good & ~np.asarray(mask)).tolist() == [[15, 15]]
    circle = Circle(row=12, column=12, radius=2)
    drawn = evaluate([circle, Blemish.from_array(good), boxes], shape=(20, 20), image=image)
    alone = evaluate([circle], shape=(20, 20))
    assert np.array_equal(np.asarray(drawn), np.asarray(mask) & np.asarray(alone))


def test_a_region_without_spread_has_no_outliers_and_one_without_pixels_no_error():
    image = np.zeros((40, 40))
    image[3, 3] = 500.0
    nothing = Blemish.from_array(np.zeros((40, 40), bool))
    qmap = q_map(geometry((40, 40), 20.3, 20.8))
    for operation in WAYS:
        assert evaluate([Outliers(by="box")], shape=(40, 40), image=image).counted == 1600
        mask = evaluate([nothing, operation], shape=(40, 40), image=image, qmap=qmap)
        assert mask.counted == 0


def test_the_recorded_image_decides_not_the_one_that_is_given():
    image = np.random.default_rng(1).normal(100, 1, (32, 32))
    image[4, 5] = 200.0
    operation = Outliers(by="box", cutoff=10, image=ImageReference(digest=array_digest(image), run="a"))
    assert operation.needs_arrays == (operation.image.digest,)
    mask = evaluate([operation], shape=(32, 32), image=image + 1, arrays={operation.image.digest: image})
    assert np.argwhere(~np.asarray(mask)).tolist() == [[4, 5]]
    with pytest.raises(ValueError, match=r"image of the outliers .* not at hand"):
        evaluate([operation], shape=(32, 32))
