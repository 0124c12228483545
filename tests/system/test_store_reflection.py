"""A grazing geometry through the catalogue: stored, found again, exported, with the same digest."""

import numpy as np

from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe, q_map, read_qmap

RECORD = GeometryRecord(
    incident_energy=8.0,
    distance=1.5,
    beam_center_x=33.25,
    beam_center_y=41.5,
    x_pixel_size=1e-4,
    y_pixel_size=1.5e-4,
    shape=(60, 80),
    incident_angle=0.05,
    orientation=90,
    delta=5e-8,
    tilt_yaw=-2.5,
)


def test_a_partition_of_a_surface_comes_back_from_the_catalogue_as_it_was(catalog: MaskCatalog, tmp_path):
    eiger = catalog.create_detector("grazing", shape=RECORD.shape)
    eiger.set_recipe(PartitionRecipe(axes=("qz_film", "qy"), dynamic=(4, 2), static=(8, 6)))
    edge = q_map(RECORD)["alpha_f"].max() / 2
    eiger.edit(author="me").constraint(axis="alpha_f", lower=float(edge))
    eiger.publish(RECORD, run_uid="grazing-run")
    part = eiger.partition(run="grazing-run").partition
    assert part.record == RECORD
    assert part.record.digest == RECORD.digest
    below = q_map(RECORD)["alpha_f"] < edge
    assert not part.mask[below].any()
    assert part.mask[~below].all()
    assert np.array_equal(part.dynamic_roi_map > 0, ~below)
    part.export(tmp_path / "qmap.hdf")
    assert read_qmap(tmp_path / "qmap.hdf").digest == part.digest
