"""Outliers on a 4M image: ours and pySimpleMask's, which lives in an environment of its own, in CPU time.

pytest tests/benchmarks/test_outliers.py --benchmark-enable
"""

import time

import numpy as np
import pytest

from tests.system.peers import provided
from tests.system.test_readers import SIMPLE_MASK
from xpcs_mask_bluesky import GeometryRecord, Outliers, q_map
from xpcs_mask_bluesky.masks.context import Context
from xpcs_mask_bluesky.masks.outliers import outliers

RINGS, BOX = 180, 32


@pytest.fixture(scope="module")
def pysimplemask():
    return provided(SIMPLE_MASK)


def cases():
    for by in ("q", "box"):
        for method, cutoff in (("mad", 5.0), ("percentile", 3.0)):
            yield Outliers(by=by, method=method, cutoff=cutoff, rings=RINGS, box=BOX)


def scene(shape, image=None, row=None, column=None):
    record = GeometryRecord(
        incident_energy=8.0,
        distance=2.2,
        beam_center_x=shape[1] * 0.45 if column is None else column,
        beam_center_y=shape[0] * 0.55 if row is None else row,
        x_pixel_size=55e-6,
        y_pixel_size=55e-6,
        shape=shape,
    )
    qmap = q_map(record)
    if image is None:
        rng = np.random.default_rng(2)
        image = 20 + rng.poisson(500 * np.exp(-4 * qmap["q"] / qmap["q"].max())).astype(float)
        image[rng.random(shape) < 1e-4] *= 5
    return qmap, image


def theirs(peer, tmp_path, qmap, image, good, repeats=1):
    q = qmap["q"]
    edges = np.linspace(q[good].min(), q[good].max(), RINGS + 1)
    labels = np.where(good, np.clip(np.searchsorted(edges, q, side="right"), 1, RINGS), 0)
    np.savez(tmp_path / "given.npz", image=image, labels=labels)
    seconds = peer.ask("outliers.py", tmp_path / "given.npz", tmp_path / "found.npz", str(repeats))
    found = {}
    for name, (rows, columns) in np.load(tmp_path / "found.npz").items():
        found[name] = np.zeros(image.shape, bool)
        found[name][rows, columns] = True
    return found, seconds


def whole_boxes(operation, shape):
    """Pixels in complete boxes: pySimpleMask looks at no other."""
    there = np.zeros(shape, bool)
    side = operation.box
    there[: shape[0] // side * side, : shape[1] // side * side] = True
    return there if operation.by == "box" else np.ones(shape, bool)


@pytest.mark.timeout(900)
def test_the_same_outliers_as_pysimplemask_in_the_real_image(pysimplemask, tmp_path, shared_data):
    image = np.load(shared_data / "duke" / "duke_img.npy").astype(float)
    qmap, _ = scene(image.shape, image, 133, 143)
    good = image > 0
    found, _ = theirs(pysimplemask, tmp_path, qmap, image, good)
    for operation in cases():
        ours = outliers(operation, good, Context(image.shape, qmap, image))
        there = whole_boxes(operation, image.shape)
        assert (ours & there).any()
        assert np.array_equal(ours & there, found[f"{operation.by}-{operation.method}"]), operation.describe()


@pytest.mark.timeout(900)
def test_at_least_five_times_as_fast_as_pysimplemask_on_4m(request, pysimplemask, tmp_path):
    if not request.config.getoption("--benchmark-enable"):
        pytest.skip("timed with --benchmark-enable")
    qmap, image = scene((2162, 2068))
    good = np.ones(image.shape, bool)
    _, seconds = theirs(pysimplemask, tmp_path, qmap, image, good, repeats=3)
    context, ratios = Context(image.shape, qmap, image), []
    for operation in cases():
        took = []
        for _ in range(5):
            start = time.process_time()
            outliers(operation, good, context)
            took.append(time.process_time() - start)
        ratio = seconds[f"{operation.by}-{operation.method}"] / min(took)
        print(f"{operation.describe()}: {min(took) * 1e3:.0f} ms, {ratio:.1f} times as fast")
        ratios.append(ratio)
    assert np.exp(np.mean(np.log(ratios))) >= 5, ratios  # one alone may suffer from its neighbours
