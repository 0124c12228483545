"""The geometry in 8-ID's metadata files: units as declared, the stage's way, and nothing made up."""

import h5py
import pytest

from xpcs_mask_bluesky.files.declared import read_geometry, read_recipe
from xpcs_mask_bluesky.files.metadata_hdf import read_8id_metadata

SHAPE = (1676, 1400)
NUMBERS = {  # of a Rigaku 3M, as the beamline's own examples have them
    "detector_1/detector_name": ("rigaku3M", None),
    "detector_1/beam_center_x": (1676.0, "m"),
    "detector_1/beam_center_y": (853.0, "m"),
    "detector_1/beam_center_position_x": (-0.23, "m"),
    "detector_1/beam_center_position_y": (0.17, "m"),
    "detector_1/position_x": (-0.22999996, "m"),
    "detector_1/position_y": (0.170076, "m"),
    "detector_1/distance": (11.6, "m"),
    "detector_1/x_pixel_size": (7.6e-5, "m"),
    "detector_1/y_pixel_size": (7.6e-5, "m"),
    "detector_1/flightpath_swing": (0.25, "degree"),
    "detector_1/flightpath_swing_vertical": (0.0, "degree"),
    "incident_beam/incident_energy": (12.184122, "keV"),
}


def write(path, **changes):
    with h5py.File(path, "w") as file:
        for name, usual in NUMBERS.items():
            value, unit = changes.get(name.split("/")[1], usual)
            if value is not None:
                dataset = file.create_dataset(f"entry/instrument/{name}", data=value)
                if unit:
                    dataset.attrs["units"] = unit
        file["entry/instrument/detector_1/compression"] = "bslz4"
    return path


def test_the_centre_moves_with_the_stage(tmp_path):
    record = read_8id_metadata(write(tmp_path / "m.hdf"), shape=SHAPE)
    assert record.beam_center_x == pytest.approx(1676.0 + 4e-8 / 7.6e-5, abs=1e-9)
    assert record.beam_center_y == pytest.approx(854.0, abs=1e-9)
    assert (record.distance, record.incident_energy, record.swing_angle_horizontal) == (11.6, 12.184122, 0.25)
    assert record.shape == SHAPE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"distance": (11600.0, "mm")}, "declares 'mm', the geometry source 'm'"),
        ({"distance": ("far", None)}, "detector_1/distance: got 'far'; expected a finite number"),
        ({"position_x": (None, None)}, "the stage that shifts it: configuration .*position_x"),
        ({"detector_name": (None, None)}, "lacks /entry/instrument/detector_1/detector_name"),
        ({"flightpath_swing_vertical": (None, None)}, "does not tell swing_angle_vertical; give the swing"),
        ({"incident_energy": (-1.0, "keV")}, "incident_energy"),
    ],
)
def test_what_is_missing_or_wrong_is_said(tmp_path, changes, reason):
    with pytest.raises(ValueError, match=reason):
        read_8id_metadata(write(tmp_path / "m.hdf", **changes), shape=SHAPE)


def test_what_a_file_lacks_may_be_told_and_what_it_tells_may_not_be_contradicted(tmp_path):
    path = write(tmp_path / "m.hdf", flightpath_swing_vertical=(None, None))
    assert read_8id_metadata(path, shape=SHAPE, swing=(0.25, 1.5)).swing_angle_vertical == 1.5
    with pytest.raises(ValueError, match=r"swing_angle_horizontal is 0.25° in m\.hdf, and 0.3° was given"):
        read_8id_metadata(path, shape=SHAPE, swing=(0.3, 1.5))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "t.hdf").write_text("text")
    with pytest.raises(ValueError, match="cannot be read as HDF5"):
        read_8id_metadata(tmp_path / "t.hdf", shape=SHAPE)
    with pytest.raises(FileNotFoundError):
        read_8id_metadata(tmp_path / "none.hdf", shape=SHAPE)


GEOMETRY = """
incident_energy: 10
distance: 5.0
beam_center_x: 171.3
beam_center_y: 82.6
x_pixel_size: 75e-6
y_pixel_size: 75e-6
shape: [256, 300]
"""


def test_a_geometry_and_a_recipe_are_read_from_yaml_and_json(tmp_path):
    (tmp_path / "g.yml").write_text(GEOMETRY)
    record = read_geometry(tmp_path / "g.yml")
    assert (record.x_pixel_size, record.shape) == (75e-6, (256, 300))
    (tmp_path / "g.json").write_text(record.model_dump_json())
    assert read_geometry(tmp_path / "g.json") == record
    (tmp_path / "r.json").write_text('{"dynamic": [10, 1], "static": [60, 6]}')
    assert read_recipe(tmp_path / "r.json").static == (60, 6)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("g.yml", GEOMETRY + "distanse: 3", "distanse: Extra inputs"),
        ("g.yml", "distance: 5", "incident_energy: Field required"),
        ("g.yml", "a: [", "is not YAML"),
        ("g.json", "{", "is not JSON"),
        ("g.json", "[" * 100_000, "is not JSON"),
        ("g.json", "[1]", "holds a list; expected fields"),
        ("g.toml", "", "suffix that tells no format"),
    ],
)
def test_a_wrong_geometry_file_is_said_in_one_line(tmp_path, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_geometry(tmp_path / name)
    assert "\n" not in str(caught.value)
