"""Sixteen real runs of APS 8-ID-E, through the callback into a real Tiled server."""

import importlib.util

import pytest

from xpcs_mask_bluesky import GeometrySource, MaskCatalog, PartitionCallback, PartitionRecipe

CONSTANTS = {
    "incident_energy": [{"where": "const", "value": 10.92, "unit": "keV", "assumed": True}],
    "distance": [{"where": "const", "value": 2.2, "unit": "m"}],
    "beam_center_x": [{"where": "const", "value": 779, "unit": "px"}],
    "beam_center_y": [{"where": "const", "value": 987, "unit": "px"}],
    "x_pixel_size": [{"where": "const", "value": 55e-6, "unit": "m"}],
    "y_pixel_size": [{"where": "const", "value": 55e-6, "unit": "m"}],
    "shape": [{"where": "const", "value": (1813, 1558)}],
    "swing_angle_horizontal": [{"where": "const", "value": 0, "unit": "deg", "assumed": True}],
    "swing_angle_vertical": [{"where": "const", "value": 0, "unit": "deg", "assumed": True}],
}


@pytest.fixture(scope="module")
def documents(shared_data):
    folder = shared_data / "aps8id"
    spec = importlib.util.spec_from_file_location("aps8id_documents", folder / "documents.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [doc for meta in sorted(folder.glob("*.meta.json")) for doc in module.documents(meta)]


def test_every_run_ends_linked_to_a_geometry(documents, catalog: MaskCatalog, tmp_path):
    source = GeometrySource.model_validate({"detector": "lambda2M", "fields": CONSTANTS})
    callback = PartitionCallback(catalog, spool=tmp_path)
    callback.watch("lambda2M", source=source, recipe=PartitionRecipe(dynamic=(27, 1), static=(270, 36)))
    for name, doc in documents:
        callback(name, doc)
    assert callback.flush(60), callback.status()
    assert callback.close()
    assert callback.status()["errors"] == 0
    assert len(documents) == 633
    runs = [doc["uid"] for name, doc in documents if name == "start"]
    assert len(runs) == 16
    lambda2m = catalog["lambda2M"]
    for uid in runs:
        (use,) = lambda2m.partitions(run=uid)
        assert (use.first_seq_num, use.last_seq_num) == (1, None)
        assert use.partition.record.beam_center_x == 779
    assert catalog.runs(partition=use.partition.digest) == runs
    provenance = lambda2m.log("run use")[0].body["provenance"]
    assert provenance["incident_energy"]["assumed"]
    assert not provenance["distance"]["assumed"]


def test_without_the_constants_the_error_says_what_is_missing_and_where_it_was_looked_for(
    documents, catalog: MaskCatalog, tmp_path
):
    source = GeometrySource.preset("ophyd-eiger", detector="lambda2M")
    callback = PartitionCallback(catalog, spool=tmp_path).watch("lambda2M", source=source)
    for name, doc in documents:
        callback(name, doc)
    assert callback.flush(30)
    callback.close()
    status = callback.status()
    assert status["faults"] == 16
    for field in ("incident_energy", "distance", "beam_center_x", "beam_center_y"):
        assert field in status["last_error"]
    assert "configuration lambda2M_cam_det_distance" in status["last_error"]
