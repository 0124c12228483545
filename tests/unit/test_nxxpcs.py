"""NXxpcs and NXdetector, field by field, as their definitions say."""

import h5py
import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, from_pixel_mask, partition, q_map, write_nxxpcs

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=1.0,
    beam_center_x=33.25,
    beam_center_y=21.5,
    x_pixel_size=1e-4,
    y_pixel_size=2e-4,
    shape=SHAPE,
)


def made(**recipe):
    mask, blemish = np.ones(SHAPE, bool), np.ones(SHAPE, bool)
    mask[5:9, 11:20] = blemish[40] = False
    asked = PartitionRecipe(**{"dynamic": (6, 4), "static": (36, 12)} | recipe)
    return partition(q_map(RECORD), mask, asked, blemish)


@pytest.fixture
def part():
    return made()


def classes(node):
    return {name: each.attrs["NX_class"] for name, each in node.items() if isinstance(each, h5py.Group)}


def test_every_group_has_its_class(part, tmp_path):
    with h5py.File(write_nxxpcs(part, tmp_path / "p.nxs")) as file:
        entry = file["entry"]
        assert entry.attrs["NX_class"] == "NXentry"
        assert classes(entry) == {"data": "NXdata", "instrument": "NXinstrument", "process": "NXprocess"}
        assert classes(entry["instrument"]) == {
            "incident_beam": "NXbeam",
            "detector_1": "NXdetector",
            "masks": "NXnote",
        }
        assert entry["definition"].asstr()[()] == "NXxpcs"
        assert (file.attrs["default"], entry.attrs["default"]) == ("entry", "data")
        assert entry["data"].attrs["signal"] == "dynamic_roi_map"
        assert entry["data/dynamic_roi_map"] == entry["instrument/masks/dynamic_roi_map"]


def test_lists_hold_the_nominal_centre_of_each_label_with_its_unit(part, tmp_path):
    with h5py.File(write_nxxpcs(part, tmp_path / "p.nxs")) as file:
        masks = file["entry/instrument/masks"]
        assert set(masks) == {
            f"{prefix}_{name}"
            for prefix in ("dynamic", "static")
            for name in ("roi_map", "q_list", "phi_list")
        }
        for prefix, bins in (("dynamic", part.dynamic), ("static", part.static)):
            assert masks[f"{prefix}_roi_map"].attrs["units"] == "au"
            assert np.array_equal(masks[f"{prefix}_roi_map"][()], getattr(part, f"{prefix}_roi_map"))
            q, phi = masks[f"{prefix}_q_list"], masks[f"{prefix}_phi_list"]
            assert (q.attrs["units"], phi.attrs["units"]) == ("1/angstrom", "degree")
            for label, natural in enumerate(bins.index_mapping.tolist()):
                assert q[label] == bins.centers[0][natural // bins.num_pts[1]]
                assert phi[label] == bins.centers[1][natural % bins.num_pts[1]]
            assert len(q) == len(phi) == len(bins.index_mapping)


def test_axes_without_q_have_lists_by_their_own_names(tmp_path):
    part = made(axes=("x", "qy"))
    with h5py.File(write_nxxpcs(part, tmp_path / "p.nxs")) as file:
        masks = file["entry/instrument/masks"]
        assert {name for name in masks if name.startswith("static")} == {
            "static_roi_map",
            "static_x_list",
            "static_qy_list",
        }
        assert masks["static_x_list"].attrs["units"] == "pixel"


def test_the_detector_is_told_with_units_and_its_masks_as_bits(part, tmp_path):
    with h5py.File(write_nxxpcs(part, tmp_path / "p.nxs", count_time=0.01, frame_time=0.02)) as file:
        detector = file["entry/instrument/detector_1"]
        told = {name: (each[()], each.attrs["units"]) for name, each in detector.items() if each.ndim == 0}
        assert told == {
            "distance": (1.0, "m"),
            "beam_center_x": (33.25, "pixel"),
            "beam_center_y": (21.5, "pixel"),
            "x_pixel_size": (1e-4, "m"),
            "y_pixel_size": (2e-4, "m"),
            "count_time": (0.01, "s"),
            "frame_time": (0.02, "s"),
        }
        energy = file["entry/instrument/incident_beam/incident_energy"]
        assert (energy[()], energy.attrs["units"]) == (10.0, "keV")
        for name, expected in (("pixel_mask", part.mask), ("pixel_mask_2", part.blemish)):
            bits = detector[name]
            assert bits.dtype == np.uint32
            assert np.array_equal(from_pixel_mask(bits[()]), expected)
            assert np.array_equal(bits[()] == 1 << 8, ~expected)


def test_what_a_partition_does_not_know_is_written_only_if_given(part, tmp_path):
    with h5py.File(write_nxxpcs(part, tmp_path / "bare.nxs")) as file:
        assert not {"entry_identifier", "start_time", "scan_number"} & set(file["entry"])
        assert not {"count_time", "frame_time"} & set(file["entry/instrument/detector_1"])
    given = {"scan_id": 7, "run_uid": "an-uid", "start_time": "2026-01-02T03:04:05+00:00"}
    with h5py.File(write_nxxpcs(part, tmp_path / "full.nxs", **given)) as file:
        entry = file["entry"]
        assert entry["entry_identifier"].asstr()[()] == "7"
        assert entry["entry_identifier_uuid"].asstr()[()] == "an-uid"
        assert entry["scan_number"][()] == 7
        assert entry["start_time"].asstr()[()] == given["start_time"]
        assert entry["process/partition/digest"].asstr()[()] == part.digest
        geometry = entry["process/partition/geometry"].asstr()[()]
        assert GeometryRecord.model_validate_json(geometry) == part.record
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bare.nxs", "full.nxs"]
