"""The programs that read /qmap files, each in an environment of its own, on a file of ours."""

import h5py
import numpy as np
import pytest

from tests.system.peers import Peer, provided
from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map, write_qmap
from xpcs_mask_bluesky.demo.correlate import correlate

pytestmark = pytest.mark.timeout(1500)

BOOST_CORR = Peer(
    name="boost-corr-0.1.7",
    package="boost-corr==0.1.7",
    needs=("numpy", "h5py", "hdf5plugin", "scipy", "tqdm", "psutil"),
    probe="import h5py, scipy, tqdm",
)
BOOST_CORR_WITH_TORCH = Peer(
    name="boost-corr-0.1.7-torch",
    package="boost-corr==0.1.7",
    # The local version is in a mirror's folder or nowhere: the index has the 3 GB of the CUDA build only.
    needs=(*BOOST_CORR.needs, "torch==2.13.0+cpu"),
    options=("--ignore-requires-python",),  # its code runs on 3.11, for which the CPU build can be had
    newer_python=False,
    probe="import torch, boost_corr",
)
VIEWER = Peer(
    name="xpcs-viewer-1.2.2",
    package="xpcs-viewer==1.2.2",
    needs=("numpy", "h5py", "scipy", "scikit-learn", "matplotlib", "tqdm", "psutil"),
    probe="import pyxpcsviewer.core.file_io.qmap_utils",
    newer_python=False,
)
VIEWER_GUI = Peer(
    name="xpcsviewer-gui-0.1.10",
    package="xpcsviewer-gui==0.1.10",
    needs=("numpy", "h5py", "hdf5plugin", "scipy", "tqdm", "psutil"),
    probe="import xpcsviewer.fileIO.qmap_utils",
)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.25,
    beam_center_y=21.5,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=(60, 80),
)


def made(first="q"):
    mask, blemish = np.ones(RECORD.shape, bool), np.ones(RECORD.shape, bool)
    mask[5:9, 11:20] = blemish[40] = False
    recipe = PartitionRecipe(axes=(first, "phi"), dynamic=(6, 4), static=(36, 12))
    return partition(q_map(RECORD), mask, recipe, blemish)


@pytest.fixture
def part():
    return made()


@pytest.fixture
def path(part, tmp_path):
    return write_qmap(part, tmp_path / "qmap.hdf", run_uid="a-run")


def result_file(qmap, target):
    """Lay the group where boost_corr copies it, beside what a result file holds of the beam."""
    with h5py.File(qmap) as source, h5py.File(target, "w") as result:
        source.copy("/qmap", result, name="/xpcs/qmap")
        result["/entry/instrument/incident_beam/incident_energy"] = RECORD.incident_energy
    return target


def test_boost_corr_loads_the_labels_that_we_wrote(part, path, tmp_path):
    said = provided(BOOST_CORR).ask(
        "boost_corr_loads.py", path, tmp_path / "result.hdf", tmp_path / "loaded.npz"
    )
    loaded = np.load(tmp_path / "loaded.npz")
    for name, ours in (
        ("dynamic", part.dynamic_roi_map),
        ("static", part.static_roi_map),
        ("mask", part.mask),
        ("blemish", part.blemish),
    ):
        assert np.array_equal(loaded[name], ours), name
    assert np.array_equal(loaded["pixels"], np.flatnonzero(part.mask))
    assert np.array_equal(loaded["counts"], part.static.counts)
    assert said["consistent"]
    assert (said["dynamic"], said["static"]) == (part.dynamic_roi_map.max(), part.static_roi_map.max())
    for label, inside in said["static_of_dynamic"].items():
        assert inside == np.unique(part.static_roi_map[part.dynamic_roi_map == int(label)]).tolist()


def test_boost_corr_correlates_with_the_file_as_our_own_correlator_does(part, path, tmp_path):
    peer = provided(BOOST_CORR_WITH_TORCH, required=False)
    rng = np.random.default_rng(5)
    frames = rng.poisson(np.repeat(rng.gamma(2.0, 3.0, (16, *RECORD.shape)), 8, axis=0)).astype("uint16")
    np.savez(tmp_path / "given.npz", frames=frames)
    peer.ask("boost_corr_correlates.py", path, tmp_path / "given.npz", tmp_path / "found.npz")
    theirs = np.load(tmp_path / "found.npz")
    ours = correlate(frames, part.dynamic_roi_map, part.static_roi_map, channels=8)
    first_level = [delay for delay in range(1, 8) if delay in ours.delays and delay in theirs["delays"]]
    assert len(first_level) == 7
    for delay in first_level:
        (here,), (there,) = np.flatnonzero(ours.delays == delay), np.flatnonzero(theirs["delays"] == delay)
        np.testing.assert_allclose(ours.g2[here], theirs["g2"][there], rtol=1e-4)


@pytest.mark.parametrize(
    ("peer", "module"),
    [(VIEWER, "pyxpcsviewer.core.file_io.qmap_utils"), (VIEWER_GUI, "xpcsviewer.fileIO.qmap_utils")],
    ids=["xpcs-viewer", "xpcsviewer-gui"],
)
def test_a_viewer_names_each_label_by_the_centres_that_we_wrote(peer, module, tmp_path):
    provided(peer, required=peer is VIEWER)
    # what these viewers and pySimpleMask name q is the transverse part, our qr
    parts = {name: made(name) for name in ("q", "qr")}
    results = {
        name: result_file(write_qmap(part, tmp_path / f"{name}.hdf"), tmp_path / f"{name}-result.hdf")
        for name, part in parts.items()
    }
    said = peer.ask("viewer.py", module, results["q"], results["qr"])
    part = parts["q"]
    first, second = (part.dynamic.centers[k] for k in (0, 1))
    wanted = [f"q={first[i // 4]:.5f} Å⁻¹, φ={second[i % 4]:.1f} deg" for i in part.dynamic.index_mapping]
    assert said["labels"] == wanted
    assert said["in_range"] == [k for k, i in enumerate(part.dynamic.index_mapping) if first[i // 4] <= 0.012]
    assert said["at_first_q"] == [k for k, i in enumerate(part.dynamic.index_mapping) if i // 4 == 0]
    assert said["curves"] == [13, 36]
    assert said["largest_q"] == pytest.approx(q_map(RECORD)["qr"].max(), rel=4e-5)  # their hc is 12.398
    assert said["units"] == ["Å⁻¹", "deg"]
    assert said["kept"]
    assert said["another"]
    assert len(said["hash"]) == 64


SIMPLE_MASK = Peer(
    name="pysimplemask-0.4.5",
    package="pysimplemask>=0.4.5,<0.5",
    needs=("numpy", "h5py", "hdf5plugin", "scipy", "scikit-image", "matplotlib", "tifffile"),
    probe="import pysimplemask.core.model, pysimplemask.core.report",
    newer_python=False,
)


@pytest.fixture(scope="module")
def simple_mask(tmp_path_factory):
    """What pySimpleMask said of our file, and the files that it wrote itself."""
    folder = tmp_path_factory.mktemp("simplemask")
    path = write_qmap(made(), folder / "ours.hdf")
    said = provided(SIMPLE_MASK).ask("simplemask.py", path, result_file(path, folder / "result.hdf"), folder)
    return said, folder


def test_pysimplemask_reads_partition_and_geometry(simple_mask, part):
    said, _ = simple_mask
    assert said["consistent"]
    assert {"mask", "blemish", "dynamic_roi_map", "static_v_list_dim1", "map_units"} <= set(said["keys"])
    assert said["metadata"] == {
        "beam_center_x": 33.25,
        "beam_center_y": 21.5,
        "detector_distance": 1.0,
        "energy": 10.0,
        "pixel_size": 1e-4,
        "swing_angle_horizontal": 0.0,
        "swing_angle_vertical": 0.0,
    }
    assert said["rejected"] == int(np.count_nonzero(~part.mask))
    assert said["report"] > 10_000
