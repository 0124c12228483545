"""Our names beside XPCS Viewer's own, in its own environment: the same script, the same numbers."""

import json

import numpy as np
import pytest

from tests.system.peers import provided
from tests.system.test_readers import VIEWER_GUI
from xpcs_mask_bluesky.simplemask import SimpleMaskKernel, compute_qmap

pytestmark = pytest.mark.timeout(1500)
SHAPE = (120, 90)
GIVEN = {"energy": 9.0, "bcx": 41.3, "bcy": 71.2, "shape": SHAPE, "pix_dim": 0.172, "det_dist": 1500.0}
SURFACE = {"alpha_i_deg": 0.2}
CONSTANT = 12.39841984 / 12.398419843320026
MAPS = {
    "transmission": ("Transmission", GIVEN),
    **{
        side: ("Reflection", GIVEN | SURFACE | {"orientation": side})
        for side in ("north", "west", "south", "east")
    },
}
ROWS, COLUMNS = np.indices(SHAPE)
DISC = np.hypot(ROWS - 71.2, COLUMNS - 41.3) < 6
STEPS = [
    ("mask_draw", {"arr": DISC.astype(int).tolist()}),
    ("mask_threshold", {"low": 3, "high": 900}),
    ("mask_parameter", {"constraints": [["q", "AND", "Å⁻¹", 0.001, 0.03], ["phi", "AND", "deg", -270, 130]]}),
    ("redo_undo", "undo"),
    ("mask_list", {"zero_loc": [[5, 6], [7, 8]]}),
    ("redo_undo", "undo"),
    ("redo_undo", "redo"),
]


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(3).gamma(2.0, 40.0, SHAPE)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory, image):
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "given.json").write_text(json.dumps({"maps": MAPS, "steps": STEPS}))
    np.save(folder / "image.npy", image)
    peer = provided(VIEWER_GUI, required=False)
    peer.ask("viewer_masks.py", folder / "given.json", folder / "image.npy", folder / "found.npz")
    return np.load(folder / "found.npz")


@pytest.fixture(scope="module")
def kernel(image):
    return SimpleMaskKernel(image, GIVEN)


@pytest.mark.parametrize("name", ["q", "qx", "qy", "phi", "TTH", "x", "y"])
def test_transmission_maps_are_the_viewers_but_for_the_constant(theirs, name):
    ours, scale = compute_qmap(*MAPS["transmission"]), CONSTANT if name in {"q", "qx", "qy"} else 1
    np.testing.assert_allclose(theirs[f"transmission/{name}"] * scale, ours[name], rtol=1e-12, atol=1e-15)
    assert np.array_equal(ours["sqmap"], ours["q"])
    assert np.array_equal(ours["phis"], ours["phi"])


@pytest.mark.parametrize("side", ["north", "west", "south", "east"])
def test_reflection_maps_differ_by_the_approximation_only(theirs, side):
    """At 1.5 m it is small; `phi` and the scattering angle, which are exact there, agree."""
    ours = compute_qmap(*MAPS[side])
    for name in ("phi", "TTH"):
        np.testing.assert_allclose(theirs[f"{side}/{name}"], ours[name], rtol=0, atol=1e-9)
    k = 2 * np.pi * GIVEN["energy"] / 12.4
    for name in ("q", "qx", "qy", "qz"):
        np.testing.assert_allclose(theirs[f"{side}/{name}"], ours[name], rtol=0, atol=3e-6 * k, err_msg=name)


def test_a_script_of_masks_gives_the_same_masks_step_by_step(theirs, kernel):
    for number, (key, parameters) in enumerate(STEPS):
        if key == "redo_undo":
            kernel.redo_undo(parameters)
        else:
            kernel.evaluate(key, **{n: np.asarray(v) if n == "arr" else v for n, v in parameters.items()})
            kernel.mask_apply(key)
        assert np.array_equal(theirs[f"step{number}"], kernel.mask), (number, key)


@pytest.mark.parametrize("style", ["linear", "logarithmic"])
def test_a_partition_has_the_viewers_labels(theirs, image, style):
    kernel = SimpleMaskKernel(image, GIVEN)
    kernel.mask_action("mask_draw", ~theirs["step6"])
    part = kernel.compute_partition(dq_num=6, sq_num=12, dp_num=4, sp_num=8, style=style)
    same = theirs[f"{style}/roi_map"] == part.partition_map
    assert (~same).sum() <= 2  # a value on an edge
    np.testing.assert_allclose(theirs[f"{style}/v_list_dim0"] * CONSTANT, part.val_list[0], rtol=1e-9)
