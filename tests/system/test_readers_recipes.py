"""What real readers make of groups and of one axis alone: the file format has pairs of axes only."""

import numpy as np
import pytest

from tests.system.peers import provided
from tests.system.test_readers import BOOST_CORR, RECORD, VIEWER, result_file
from xpcs_mask_bluesky import Group, PartitionRecipe, partition, q_map, write_qmap

pytestmark = pytest.mark.timeout(1500)

RINGS = PartitionRecipe(axes=("q",), dynamic=6, static=36)
PEAKS = PartitionRecipe(
    groups=(
        Group(name="a", ranges={"q": (0.005, 0.01), "phi": (-60.0, 60.0)}, dynamic=(2, 3), static=(4, 6)),
        Group(name="b", ranges={"q": (0.006, 0.012), "phi": (150.0, 210.0)}, dynamic=(1, 2), static=(3, 4)),
    )
)


def made(recipe):
    mask = np.ones(RECORD.shape, bool)
    mask[5:9, 11:20] = False
    return partition(q_map(RECORD), mask, recipe)


def test_a_viewer_names_groups_by_their_own_centres_and_rings_by_q_alone(tmp_path):
    peer, parts = provided(VIEWER), {"peaks": made(PEAKS), "rings": made(RINGS)}
    results = {
        name: result_file(write_qmap(part, tmp_path / f"{name}.hdf"), tmp_path / f"{name}-result.hdf")
        for name, part in parts.items()
    }
    said = {
        name: peer.ask(
            "viewer.py",
            "pyxpcsviewer.core.file_io.qmap_utils",
            path,
            results["rings" if name == "peaks" else "peaks"],
        )
        for name, path in results.items()
    }
    peaks, rings = parts["peaks"].dynamic, parts["rings"].dynamic
    assert peaks.num_pts == (3, 5)
    assert said["peaks"]["labels"] == [
        f"q={q:.5f} Å⁻¹, φ={phi:.1f} deg"
        for q, phi in [(q, phi) for q in (0.00625, 0.00875) for phi in (-40, 0, 40)]
        + [(0.009, 165.0), (0.009, -165.0)]
    ]
    assert said["rings"]["labels"] == [f"q={q:.5f} Å⁻¹" for q in rings.centers[0]]
    assert said["rings"]["curves"] == [1, 36]
    assert said["peaks"]["curves"] == [1 + parts["peaks"].static.num_pts[1], parts["peaks"].static.num_pts[0]]


@pytest.mark.parametrize("recipe", [RINGS, PEAKS], ids=["rings", "peaks"])
def test_boost_corr_loads_their_labels(recipe, tmp_path):
    part = made(recipe)
    path = write_qmap(part, tmp_path / "qmap.hdf")
    said = provided(BOOST_CORR).ask(
        "boost_corr_loads.py", path, tmp_path / "result.hdf", tmp_path / "loaded.npz"
    )
    loaded = np.load(tmp_path / "loaded.npz")
    assert np.array_equal(loaded["dynamic"], part.dynamic_roi_map)
    assert np.array_equal(loaded["static"], part.static_roi_map)
    assert said["consistent"]
    for label, inside in said["static_of_dynamic"].items():
        assert inside == np.unique(part.static_roi_map[part.dynamic_roi_map == int(label)]).tolist()
