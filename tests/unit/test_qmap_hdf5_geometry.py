"""The /qmap file says the whole geometry: surface, film, tilt and swing come back bit for bit."""

import h5py
import numpy as np
import pytest

from xpcs_mask_bluesky import GeometryRecord, PartitionRecipe, partition, q_map, read_qmap, write_qmap

SHAPE = (60, 80)
FLAT = {
    "incident_energy": 8.0,
    "distance": 1.5,
    "beam_center_x": 33.25,
    "beam_center_y": 41.5,
    "x_pixel_size": 1e-4,
    "y_pixel_size": 1e-4,
    "shape": SHAPE,
}
SURFACE = {"incident_angle": 0.02, "orientation": 90, "delta": 5e-8, "beta": 1e-10}
TURNED = {"swing_angle_vertical": 0.3, "tilt_pitch": 1 / 3, "tilt_yaw": -2.5, "tilt_roll": 0.1}
RECIPE = PartitionRecipe(axes=("qz_film", "qy"), dynamic=(5, 2), static=(10, 6))


@pytest.mark.parametrize("change", [SURFACE, TURNED, SURFACE | TURNED], ids=["surface", "turned", "both"])
def test_the_geometry_of_a_file_is_that_of_the_partition(tmp_path, change):
    record = GeometryRecord.model_validate(FLAT | change)
    recipe = RECIPE if "delta" in change else PartitionRecipe(dynamic=(5, 2), static=(10, 6))
    part = partition(q_map(record), np.ones(SHAPE, bool), recipe)
    path = write_qmap(part, tmp_path / "qmap.hdf")
    again = read_qmap(path)
    assert again.digest == part.digest
    assert again.record == record
    assert again.record.digest == record.digest


def test_axes_of_a_surface_have_their_names_and_units_in_the_file(tmp_path):
    record = GeometryRecord.model_validate(FLAT | SURFACE)
    recipe = RECIPE.model_copy(update={"axes": ("qz_film", "tth")})
    part = partition(q_map(record), np.ones(SHAPE, bool), recipe)
    with h5py.File(write_qmap(part, tmp_path / "qmap.hdf")) as file:
        qmap = file["qmap"]
        assert qmap["map_names"].asstr()[()].tolist() == ["qz_film", "tth"]
        assert qmap["map_units"].asstr()[()].tolist() == ["Å⁻¹", "deg"]
        assert dict(qmap["dynamic_v_list_dim1"].attrs) == {"name": "tth", "unit": "deg", "size": 2}
        assert (qmap["beam_center_x"][()], qmap["beam_center_y"][()]) == (33.25, 41.5)
        below = q_map(record)["alpha_f"] < 0
        assert not qmap["mask"][()][below].any()
        assert qmap["mask"][()][~below].all()
