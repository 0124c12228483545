"""Files that pySimpleMask, XPCS Viewer and boost_corr write, each in its own environment, read by us."""

from typing import NamedTuple

import h5py
import numpy as np
import pytest

from tests.system.peers import provided
from tests.system.test_readers import BOOST_CORR, RECORD, SIMPLE_MASK, VIEWER_GUI, made
from xpcs_mask_bluesky import check_qmap_file, q_map, read_foreign_qmap, read_mask, write_qmap
from xpcs_mask_bluesky.files.metadata_hdf import read_8id_metadata

pytestmark = pytest.mark.timeout(1500)
STRAIGHT = {"swing_angle_horizontal": 0.0, "swing_angle_vertical": 0.0}
BAD = np.zeros(RECORD.shape, bool)
BAD[5:9, 11:20] = True


class Made(NamedTuple):
    """A partition that another program was asked for, with what its file does not tell of it."""

    file: str
    axes: tuple[str, str]
    spacing: str = "linear"
    offset: float = 0.0
    fold: int = 1


@pytest.fixture(scope="module")
def simple_mask(tmp_path_factory):
    """A folder of files that pySimpleMask wrote."""
    folder = tmp_path_factory.mktemp("simplemask")
    ours = write_qmap(made(), folder / "ours.hdf")
    with h5py.File(ours) as source, h5py.File(folder / "result.hdf", "w") as result:
        source.copy("/qmap", result, name="/xpcs/qmap")
    provided(SIMPLE_MASK).ask("simplemask.py", ours, folder / "result.hdf", folder)
    return folder


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    """A folder of files that XPCS Viewer's mask kernel wrote."""
    folder = tmp_path_factory.mktemp("viewer")
    provided(VIEWER_GUI, required=False).ask("viewer_writes.py", folder)
    return folder


def check_import(path, case):
    """Whatever is told is as the other program had it, and the recipe gives each pixel its label."""
    foreign = read_foreign_qmap(path)
    assert np.array_equal(foreign.mask, ~BAD)
    assert foreign.blemish is not None
    assert foreign.blemish.all()
    assert foreign.intact
    assert foreign.repairs == ()
    assert "edges of the bins" in foreign.missing
    assert "swing_angle_horizontal" in foreign.missing
    record = foreign.geometry(**STRAIGHT)
    assert record == RECORD.model_copy(update=STRAIGHT)
    recipe = foreign.recipe(record, phi_offset=case.offset, symmetry_fold=case.fold)
    assert recipe.axes == case.axes
    assert recipe.spacing_of(case.axes[0]) == case.spacing
    part = foreign.partition(record, recipe)
    for name in ("dynamic_roi_map", "static_roi_map"):
        with h5py.File(path) as file:
            assert np.array_equal(getattr(part, name), file["qmap"][name][()]), name
    assert np.array_equal(part.dynamic.index_mapping, foreign.dynamic.index_mapping)
    if case.fold == 1:
        for ours, theirs in zip(part.static.centers, foreign.static.centers, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())
    assert check_qmap_file(path).ok


@pytest.mark.parametrize(
    "case",
    [
        Made("linear", ("q", "phi")),
        Made("log", ("q", "phi"), "log"),
        Made("folded", ("q", "phi"), offset=3.0, fold=2),
        Made("xy", ("x", "y")),
    ],
    ids=lambda case: case.file,
)
def test_a_partition_of_pysimplemask_is_found_again(simple_mask, case):
    check_import(simple_mask / f"{case.file}.hdf", case)


@pytest.mark.parametrize(
    "case",
    [
        Made("linear", ("qr", "phi")),  # what it calls q is the part across the beam
        Made("log", ("qr", "phi"), "log"),
        Made("folded", ("qr", "phi"), fold=2),
    ],
    ids=lambda case: case.file,
)
def test_a_partition_of_xpcs_viewer_is_found_again(viewer, case):
    path = viewer / f"{case.file}.hdf"
    with h5py.File(path) as file:
        assert file["qmap/pixel_size"][()] == 0.1  # millimetres under a name that others fill with metres
    check_import(path, case)


def test_a_list_of_phi_that_xpcs_viewer_wrote_too_short_is_filled_with_nan_and_said(viewer):
    foreign = read_foreign_qmap(viewer / "arc.hdf")
    assert foreign.dynamic.num_pts == (6, 3)
    assert np.isnan(foreign.dynamic.centers[1]).all()
    assert any("dynamic_v_list_dim1 lacks centres" in each for each in foreign.repairs)
    assert "dynamic_v_list_dim1 has 0 centres for 3 bins" in check_qmap_file(viewer / "arc.hdf").problems


def test_a_mask_file_of_xpcs_viewer_is_read_as_it_declares_itself(viewer):
    good = read_mask(
        viewer / "linear-mask.h5",
        shape=RECORD.shape,
        polarity="good",
        orientation="row,column",
        dataset="mask",
    )
    assert np.array_equal(good, ~BAD)


def test_the_centre_of_a_swung_detector_is_taken_back_to_zero_swing(simple_mask):
    foreign = read_foreign_qmap(simple_mask / "swung.hdf")
    assert foreign.beam_center_x != pytest.approx(33.25, abs=1)
    record = foreign.geometry(swing_angle_horizontal=0.2, swing_angle_vertical=0.1)
    assert (record.beam_center_x, record.beam_center_y) == pytest.approx((33.25, 21.5), abs=1e-9)
    record = record.model_copy(update={"beam_center_x": 33.25, "beam_center_y": 21.5})
    part = foreign.partition(record, foreign.recipe(record))
    assert np.array_equal(part.static_roi_map, foreign.static_roi_map)
    with pytest.raises(ValueError, match="no edges found that explain the bins"):
        foreign.recipe(foreign.geometry(**STRAIGHT))


def test_an_ellipse_that_calls_itself_q_gets_no_recipe(simple_mask):
    foreign = read_foreign_qmap(simple_mask / "ellipse.hdf")
    assert foreign.map_names == ("q", "phi")
    with pytest.raises(ValueError, match=r"no edges found.*ellipse\.hdf on q"):
        foreign.recipe(foreign.geometry(**STRAIGHT))


def test_static_bins_that_reach_into_several_dynamic_bins_are_said(simple_mask):
    foreign = read_foreign_qmap(simple_mask / "crossing.hdf")
    assert any("reach into several dynamic bins" in each for each in foreign.repairs)
    assert any(
        "reach into several" in each for each in check_qmap_file(simple_mask / "crossing.hdf").problems
    )
    with pytest.raises(ValueError, match="no multiple of the 5 dynamic ones"):
        foreign.recipe(foreign.geometry(**STRAIGHT))


def test_a_combined_file_keeps_an_old_hash_and_that_is_said(simple_mask):
    foreign = read_foreign_qmap(simple_mask / "combined.hdf")
    assert foreign.intact is False
    assert any("changed after it was written" in each for each in foreign.repairs)
    assert np.array_equal(foreign.mask, ~BAD)
    assert foreign.dynamic.num_pts == (6, 2)
    problems = check_qmap_file(simple_mask / "combined.hdf").problems
    assert any("the hash is not that of the content" in each for each in problems)
    assert any("attribute unit='None'" in each for each in problems)


def metadata_file(path):
    """What 8-ID writes beside its data: the stage has moved by two pixels since the centre was recorded."""
    with h5py.File(path, "w") as file:
        detector = file.create_group("entry/instrument/detector_1")
        for name, value, unit in (
            ("beam_center_x", 31.25, "m"),  # pixels, whatever they are tagged with
            ("beam_center_y", 21.5, "m"),
            ("beam_center_position_x", -0.23, "m"),
            ("beam_center_position_y", 0.17, "m"),
            ("position_x", -0.2298, "m"),
            ("position_y", 0.17, "m"),
            ("distance", 1.0, "m"),
            ("x_pixel_size", 1e-4, "m"),
            ("y_pixel_size", 1e-4, "m"),
            ("flightpath_swing", 0.0, "degree"),
            ("flightpath_swing_vertical", 0.0, "degree"),
        ):
            detector[name] = value
            detector[name].attrs["units"] = unit
        detector["detector_name"] = "eiger4M"
        file["entry/instrument/incident_beam/incident_energy"] = 10.0
        file["entry/instrument/incident_beam/incident_energy"].attrs["units"] = "keV"
    return path


def test_a_result_file_of_8id_gives_partition_and_geometry(simple_mask, tmp_path):
    metadata = metadata_file(tmp_path / "A001_metadata.hdf")
    result = tmp_path / "A001_results.hdf"
    provided(BOOST_CORR).ask("boost_corr_appends.py", metadata, simple_mask / "linear.hdf", result)
    foreign = read_foreign_qmap(result)
    assert foreign.group == "/xpcs/qmap"
    assert foreign.version == "0.4.5"
    assert foreign.intact
    record = read_8id_metadata(result, shape=foreign.shape)
    assert (record.beam_center_x, record.beam_center_y) == pytest.approx((33.25, 21.5), abs=1e-9)
    assert record.distance == 1.0
    record = record.model_copy(update={"beam_center_x": 33.25})
    part = foreign.partition(record, foreign.recipe(record))
    assert np.array_equal(part.dynamic_roi_map, foreign.dynamic_roi_map)
    assert np.array_equal(foreign.file_mask().array, ~BAD)


def test_our_own_file_is_read_as_foreign_too(simple_mask):
    foreign, part = read_foreign_qmap(simple_mask / "ours.hdf"), made()
    assert foreign.intact
    assert foreign.repairs == ()
    for name in ("mask", "blemish", "dynamic_roi_map", "static_roi_map"):
        assert np.array_equal(getattr(foreign, name), getattr(part, name)), name
    record = foreign.geometry(**STRAIGHT)
    assert record == RECORD
    assert foreign.recipe(record).axes == ("q", "phi")
    assert q_map(record).shape == foreign.shape
