"""The /qmap file: what its readers expect of every dataset, and the way back."""

import h5py
import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map, read_qmap, write_qmap

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.25,
    beam_center_y=21.5,
    x_pixel_size=1e-4,
    y_pixel_size=1e-4,
    shape=(60, 80),
    swing_angle_horizontal=0.1,
)


def made(record=RECORD):
    mask = np.ones(record.shape, bool)
    mask[5:9, 11:20] = False
    recipe = PartitionRecipe(dynamic=(5, 2), static=(10, 6), symmetry_fold=2, phi_offset=3.0)
    return partition(q_map(record), mask, recipe)


def test_every_dataset_has_the_type_and_meaning_that_readers_expect(tmp_path):
    part = made()
    with h5py.File(write_qmap(part, tmp_path / "qmap.hdf")) as file:
        qmap = file["qmap"]
        for name in ("mask", "blemish"):
            assert qmap[name].dtype == bool
            assert qmap[name].shape == (60, 80)
        assert not (qmap["mask"][()] & ~qmap["blemish"][()]).any()
        for prefix in ("dynamic", "static"):
            labels, mapping = qmap[f"{prefix}_roi_map"], qmap[f"{prefix}_index_mapping"]
            assert labels.dtype == np.uint8
            assert labels.compression == "lzf"
            assert set(np.unique(labels)) - {0} == set(range(1, len(mapping) + 1))
            assert np.array_equal(labels[()] > 0, qmap["mask"][()])
            assert (np.diff(mapping[()].astype(int)) > 0).all()
            assert qmap[f"{prefix}_num_pts"].dtype == np.int64
            for dimension, axis in enumerate(("q", "phi")):
                centers = qmap[f"{prefix}_v_list_dim{dimension}"]
                assert centers.dtype == np.float64
                assert centers.shape == (qmap[f"{prefix}_num_pts"][dimension],)
                assert (centers.attrs["name"], centers.attrs["size"]) == (axis, len(centers))
        assert qmap["map_names"].asstr()[()].tolist() == ["q", "phi"]
        assert qmap["map_units"].asstr()[()].tolist() == ["Å⁻¹", "deg"]
        assert qmap["source_file"].asstr()[()] == ""
        assert len(qmap.attrs["hash"]) == 64
        assert qmap["detector_distance"][()] == 1.0
        assert qmap["energy"][()] == 10.0
        assert (qmap["beam_center_x"][()], qmap["beam_center_y"][()]) == RECORD.direct_beam


def test_the_file_gives_the_same_partition_back(tmp_path):
    part = made()
    again = read_qmap(write_qmap(part, tmp_path / "qmap.hdf", run_uid="a-run"))
    assert again.digest == part.digest
    assert again.recipe == part.recipe
    assert again.record == part.record
    assert list(tmp_path.iterdir()) == [tmp_path / "qmap.hdf"]


def test_a_file_patched_in_place_is_refused(tmp_path):
    path = write_qmap(made(), tmp_path / "qmap.hdf")
    with h5py.File(path, "a") as file:
        file["qmap/mask"][30, 30] = False
    with pytest.raises(ValueError, match="patched in place"):
        read_qmap(path)


def test_what_is_no_qmap_file_is_said(tmp_path):
    (tmp_path / "text.hdf").write_text("no HDF5")
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        read_qmap(tmp_path / "text.hdf")
    h5py.File(tmp_path / "empty.hdf", "w").close()
    with pytest.raises(ValueError, match="no /qmap"):
        read_qmap(tmp_path / "empty.hdf")


def test_pixels_that_are_not_square_cannot_be_told_and_that_is_said(tmp_path):
    record = RECORD.model_copy(update={"y_pixel_size": 2e-4})
    with pytest.warns(UserWarning, match="not square"):
        path = write_qmap(made(record), tmp_path / "qmap.hdf")
    assert read_qmap(path).record == record
