"""What a /qmap file cannot tell is said to who exports it, not whenever a partition is stored."""

import warnings

import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, read_qmap

RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.3,
    beam_center_y=42.6,
    x_pixel_size=75e-6,
    y_pixel_size=100e-6,
    shape=(64, 80),
)


def test_storing_is_silent_and_exporting_warns(catalog, tmp_path):
    detector = catalog.create_detector("det", shape=RECORD.shape)
    detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 6)))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=r".*not square")
        detector.publish(RECORD, run_uid="a-run")
        part = detector.partition(run="a-run").partition
        assert part.record == RECORD
    with pytest.warns(UserWarning, match="not square"):
        part.export(tmp_path / "q.hdf")
    assert read_qmap(tmp_path / "q.hdf").digest == part.digest
