"""Our own check of every dataset of a /qmap group: each fault is named, and none where none is."""

import h5py
import numpy as np
import pytest

from tests.unit.qmap_files import BINS, RECORD, SHAPE, content, write
from xpcs_mask_bluesky import PartitionRecipe, check_qmap_file, partition, q_map, write_qmap
from xpcs_mask_bluesky.files.hdf5_content import read_content
from xpcs_mask_bluesky.files.peer_hash import peer_hash
from xpcs_mask_bluesky.files.qmap_check import DATASETS, problems_of
from xpcs_mask_bluesky.files.qmap_hdf5 import qmap_content


def made():
    recipe = PartitionRecipe(axes=("x", "y"), dynamic=BINS["dynamic"], static=BINS["static"])
    return partition(q_map(RECORD), content()["mask"], recipe)


def problems(path):
    with h5py.File(path) as file:
        return problems_of(read_content(file["qmap"]))


def spoiled(tmp_path, changes, **attributes):
    """Return what is wrong with a right group after the changes; its hash is of what it holds."""
    datasets = {name: value for name, value in (content() | changes).items() if value is not None}
    path = write(tmp_path / "q.hdf", datasets, **{"version": "0.4.5"} | attributes)
    if "hash" not in attributes:
        with h5py.File(path, "a") as file:
            file["qmap"].attrs["hash"] = peer_hash(read_content(file["qmap"]))
    return problems(path)


def test_what_we_write_and_what_peers_write_has_no_fault(tmp_path):
    assert spoiled(tmp_path, {}) == []
    part = made()
    report = check_qmap_file(write_qmap(part, tmp_path / "ours.hdf"))
    assert report.ok
    assert report.hash_matches
    assert report.partition.digest == part.digest
    assert set(qmap_content(part).datasets) == set(DATASETS)


@pytest.mark.parametrize("name", DATASETS)
def test_a_missing_dataset_is_named(tmp_path, name):
    assert f"{name} is missing" in spoiled(tmp_path, {name: None})


def gap():
    labels = content()["dynamic_roi_map"].copy()
    labels[labels == 3] = 2
    return labels


FAULTS = {
    "mask": (content()["mask"].astype("u1"), "mask is uint8 (12, 16); expected bool (12, 16)"),
    "blemish": (np.ones((3, 3), bool), "blemish is bool (3, 3); expected bool (12, 16)"),
    "dynamic_roi_map": (content()["dynamic_roi_map"].astype("u4"), "expected uint8 (12, 16)"),
    "static_roi_map": (np.full(SHAPE, 2**31, "u4"), "labels up to the number of pixels at most"),
    "dynamic_num_pts": (np.array([3, 2], "i4"), "expected int64 (2,), positive"),
    "static_num_pts": (np.array([0, 4]), "expected int64 (2,), positive"),
    "dynamic_index_mapping": (np.arange(6), "expected unsigned integers"),
    "static_index_mapping": (np.arange(24, dtype="u2"), "expected uint8, one for each label"),
    "dynamic_v_list_dim0": (np.arange(3, dtype="f4"), "expected float64, one for each bin"),
    "beam_center_x": (np.float32(7.5), "expected one float64"),
    "energy": (np.array([9.0]), "expected one float64"),
    "map_names": (["x"], "expected 2 texts"),
    "map_units": ("pixel", "expected 2 texts"),
    "source_file": (["a.h5"], "expected a text"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_type_or_shape_is_named(tmp_path, name):
    value, said = FAULTS[name]
    found = spoiled(tmp_path, {name: value})
    assert [each for each in found if each.startswith(f"{name} is ")], found
    assert any(said in each for each in found)


def spoilt_map(name, row, column, value):
    labels = content()[name].copy()
    labels[row, column] = value
    return {name: labels}


CONTRADICTIONS = {
    "gaps": ({"dynamic_roi_map": gap()}, "dynamic_roi_map has gaps: 1 labels"),
    "centres": ({"static_v_list_dim1": np.arange(5.0)}, "static_v_list_dim1 has 5 centres for 4 bins"),
    "entries": ({"dynamic_index_mapping": np.arange(5, dtype="u1")}, "has 5 entries for 6 labels"),
    "order": ({"dynamic_index_mapping": np.array([0, 1, 2, 3, 5, 4], "u1")}, "does not increase strictly"),
    "beyond": ({"dynamic_index_mapping": np.array([0, 1, 2, 3, 4, 6], "u1")}, "below the number of bins"),
    "outside": (spoilt_map("static_roi_map", 0, 0, 1), "static_roi_map and mask disagree about 1 pixels"),
    "inside": (spoilt_map("dynamic_roi_map", 5, 5, 0), "dynamic_roi_map and mask disagree about 1 pixels"),
    "blemish": (spoilt_map("blemish", 5, 5, False), "mask counts 1 pixels that blemish rejects"),
    "nesting": (spoilt_map("dynamic_roi_map", 2, 0, 6), "1 static bins reach into several"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_named(tmp_path, case):
    changes, said = CONTRADICTIONS[case]
    found = spoiled(tmp_path, changes)
    assert any(said in each for each in found), found
    assert len(found) <= 2


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"hash": "0" * 64}, "the hash is not that of the content"),
        ({"hash": "abc"}, "expected 64 hexadecimal characters"),
        ({"hash": 5}, "the attribute hash is missing"),
        ({"version": 1.0}, "the attribute version is missing"),
    ],
)
def test_a_wrong_attribute_is_named(tmp_path, attributes, said):
    assert said in " ".join(spoiled(tmp_path, {}, **attributes))


def test_wrong_marks_of_a_list_are_named(tmp_path):
    path = write(tmp_path / "q.hdf", version="0.4.5")
    with h5py.File(path, "a") as file:
        file["qmap/static_v_list_dim1"].attrs.update({"size": 7, "unit": "m"})
        del file["qmap/static_v_list_dim0"].attrs["name"]
    found = [each for each in problems(path) if "attribute hash" not in each]
    assert found == [
        "static_v_list_dim0 has the attribute name='None'; expected 'x'",
        "static_v_list_dim1 has the attribute size='7'; expected '4'",
        "static_v_list_dim1 has the attribute unit='m'; expected 'pixel'",
    ]


def test_provenance_that_tells_of_another_partition_is_named(tmp_path):
    path = write_qmap(made(), tmp_path / "ours.hdf")
    with h5py.File(path, "a") as file:
        file["provenance"].attrs["digest"] = "0" * 64
    report = check_qmap_file(path)
    assert report.problems == ("the partition's digest is not the one recorded in /provenance",)
    assert report.partition is None
    with h5py.File(path, "a") as file:
        del file["provenance"].attrs["geometry"]
    assert check_qmap_file(path).problems == ("/provenance or /qmap lacks 'geometry'",)
