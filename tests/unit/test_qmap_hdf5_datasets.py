"""Every dataset of the /qmap table: type, shape, meaning; and the hash that covers each of them."""

import json

import h5py
import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map, read_qmap, write_qmap

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.25,
    beam_center_y=21.5,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=SHAPE,
    swing_angle_vertical=0.05,
)
RECIPE = PartitionRecipe(dynamic=(6, 4), static=(36, 12), ranges={"q": (0.0, 0.06)})
SCALARS = ("beam_center_x", "beam_center_y", "pixel_size", "detector_distance", "energy")
PER_PREFIX = ("roi_map", "num_pts", "index_mapping", "v_list_dim0", "v_list_dim1")
TEXTS = ("map_names", "map_units", "source_file")
DATASETS = (
    "mask",
    "blemish",
    *(f"{prefix}_{name}" for prefix in ("dynamic", "static") for name in PER_PREFIX),
    *SCALARS,
    *TEXTS,
)


@pytest.fixture(scope="module")
def part():
    mask, blemish = np.ones(SHAPE, bool), np.ones(SHAPE, bool)
    mask[5:9, 11:20] = blemish[40] = False
    return partition(q_map(RECORD), mask, RECIPE, blemish)


@pytest.fixture
def path(part, tmp_path):
    return write_qmap(part, tmp_path / "qmap.hdf", run_uid="a-run", mask_revision="7", source_file="a.h5")


def test_the_group_holds_the_datasets_of_the_table_and_no_other(path):
    with h5py.File(path) as file:
        assert set(file["qmap"]) == set(DATASETS)


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_is_float64_without_a_shape(path, name):
    with h5py.File(path) as file:
        assert file["qmap"][name].dtype == np.float64
        assert file["qmap"][name].shape == ()


def test_the_centre_is_written_with_the_swing_and_the_rest_as_in_the_record(path):
    with h5py.File(path) as file:
        qmap = file["qmap"]
        shifted = 21.5 + np.tan(np.radians(0.05)) / 1e-4  # of a plane at 1 m
        assert qmap["beam_center_x"][()] == 33.25
        assert qmap["beam_center_y"][()] == pytest.approx(shifted, rel=1e-12)
        assert qmap["pixel_size"][()] == 1e-4
        assert qmap["detector_distance"][()] == 1.0
        assert qmap["energy"][()] == 10.0


@pytest.mark.parametrize(("prefix", "points"), [("dynamic", (6, 4)), ("static", (36, 12))])
def test_maps_mappings_and_lists_have_the_smallest_type_and_fit_each_other(path, prefix, points):
    with h5py.File(path) as file:
        qmap = file["qmap"]
        labels, mapping = qmap[f"{prefix}_roi_map"][()], qmap[f"{prefix}_index_mapping"][()]
        assert labels.shape == SHAPE
        assert labels.dtype == np.min_scalar_type(int(labels.max()))
        assert sorted(set(labels.ravel()) - {0}) == list(range(1, len(mapping) + 1))
        assert mapping.dtype == np.min_scalar_type(int(mapping[-1]))
        assert (np.diff(mapping.astype(int)) > 0).all()
        assert mapping[-1] < np.prod(points)
        numbers = qmap[f"{prefix}_num_pts"]
        assert (numbers.dtype, numbers.shape, tuple(numbers[()])) == (np.int64, (2,), points)
        for dimension, (axis, unit) in enumerate((("q", "Å⁻¹"), ("phi", "deg"))):
            centres = qmap[f"{prefix}_v_list_dim{dimension}"]
            assert (centres.dtype, centres.shape) == (np.float64, (points[dimension],))
            assert dict(centres.attrs) == {"name": axis, "unit": unit, "size": points[dimension]}
            assert (np.diff(centres[()]) > 0).all()


def test_a_static_label_lies_in_the_dynamic_bin_that_the_file_alone_tells(path):
    with h5py.File(path) as file:
        qmap = {name: file["qmap"][name][()] for name in DATASETS}
    inside = qmap["mask"]
    natural = {
        prefix: np.unravel_index(
            qmap[f"{prefix}_index_mapping"][qmap[f"{prefix}_roi_map"][inside].astype(int) - 1],
            tuple(qmap[f"{prefix}_num_pts"]),
        )
        for prefix in ("dynamic", "static")
    }
    for dimension, parts in enumerate((6, 3)):
        assert np.array_equal(natural["dynamic"][dimension], natural["static"][dimension] // parts)
    for name in ("dynamic_roi_map", "static_roi_map"):
        assert np.array_equal(qmap[name] > 0, inside)
    assert not (inside & ~qmap["blemish"]).any()
    assert not qmap["blemish"][40].any()


def test_arrays_above_1024_elements_are_lzf_and_others_plain(path):
    with h5py.File(path) as file:
        for name, dataset in file["qmap"].items():
            assert dataset.compression == ("lzf" if dataset.size > 1024 else None), name


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_variable_length_utf8(path, name):
    with h5py.File(path) as file:
        kind = h5py.check_string_dtype(file["qmap"][name].dtype)
        assert (kind.encoding, kind.length) == ("utf-8", None)


@pytest.mark.parametrize("name", DATASETS)
def test_a_change_of_any_dataset_is_refused(path, name):
    with h5py.File(path, "a") as file:
        dataset = file["qmap"][name]
        value = dataset[()]
        if isinstance(value, bytes):
            dataset[()] = b"another"
        elif dataset.dtype == object:
            dataset[0] = "another"
        elif dataset.dtype == bool:
            dataset[0, 0] = not value[0, 0]
        else:
            dataset[...] = value + 1
    with pytest.raises(ValueError, match="patched in place"):
        read_qmap(path)


def test_a_file_that_lacks_a_dataset_is_refused(path):
    with h5py.File(path, "a") as file:
        del file["qmap/mask"]
    with pytest.raises(ValueError, match=r"qmap\.hdf"):
        read_qmap(path)


def test_the_hash_is_of_the_file_and_the_digest_of_the_partition(part, path, tmp_path):
    other = write_qmap(part, tmp_path / "other.hdf", source_file="b.h5")
    with h5py.File(path) as first, h5py.File(other) as second:
        hashes = [file["qmap"].attrs["hash"] for file in (first, second)]
        assert len({*hashes, part.digest}) == 3
        assert all(len(each) == 64 for each in hashes)
        assert (
            first["qmap"].attrs["partition_digest"] == second["qmap"].attrs["partition_digest"] == part.digest
        )
        assert first["qmap"].attrs["version"]


def test_provenance_tells_what_the_group_cannot(path):
    with h5py.File(path) as file:
        told = dict(file["provenance"].attrs)
    assert told["run_uid"] == "a-run"
    assert told["mask_revision"] == "7"
    assert json.loads(told["geometry"])["swing_angle_vertical"] == 0.05
    assert len(json.loads(told["recipe"])["static_edges"]["q"]) == 37


def test_a_centre_that_the_swing_takes_off_every_plane_is_nan_and_said(tmp_path):
    record = RECORD.model_copy(update={"swing_angle_horizontal": 120.0})
    swung = partition(q_map(record), np.ones(SHAPE, bool), PartitionRecipe(dynamic=(2, 1), static=(4, 2)))
    with pytest.warns(UserWarning, match="misses the plane"):
        path = write_qmap(swung, tmp_path / "qmap.hdf")
    with h5py.File(path) as file:
        assert np.isnan(file["qmap/beam_center_x"][()])
    assert read_qmap(path).digest == swung.digest
