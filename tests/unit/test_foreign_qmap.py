"""/qmap groups of other programs: taken as they are, repaired and said, or refused with the reason."""

import numpy as np
import pytest

from tests.unit.qmap_files import SHAPE, content, foreign, write
from xpcs_mask_bluesky import read_foreign_qmap

ANGLES = {"swing_angle_horizontal": 0.0, "swing_angle_vertical": 0.0}


def spoiled(tmp_path, **changes):
    """Return a file of a content with datasets changed, or left out where None."""
    made = content() | changes
    return write(tmp_path / "qmap.hdf", {name: value for name, value in made.items() if value is not None})


def test_what_is_told_is_taken_and_what_is_missing_is_said(tmp_path):
    told = foreign(write(tmp_path / "qmap.hdf", version="0.4.5"))
    for name in ("mask", "blemish", "dynamic_roi_map", "static_roi_map"):
        assert np.array_equal(getattr(told, name), content()[name]), name
        assert not getattr(told, name).flags.writeable
    assert told.static.num_pts == (6, 4)
    assert np.array_equal(told.static.index_mapping, content()["static_index_mapping"])
    assert np.array_equal(told.dynamic.centers[1], [2.5, 8.5])
    assert (told.map_names, told.map_units, told.version) == (("x", "y"), ("pixel",) * 2, "0.4.5")
    assert (told.hash, told.intact, told.ours, told.repairs) == (None, None, False, ())
    assert told.missing == (
        "hash",
        "swing_angle_horizontal",
        "swing_angle_vertical",
        "unit of lengths",
        "edges of the bins",
    )
    assert told.file_mask().rejected == np.count_nonzero(~content()["mask"])
    assert told.blemish_operation().rejected == SHAPE[1]
    record = told.geometry(**ANGLES)
    assert (record.distance, record.beam_center_x, record.shape) == (2.0, 7.5, SHAPE)


@pytest.mark.parametrize(
    "names",
    [
        ("blemish",),
        ("energy",),
        ("map_names", "map_units"),
        ("dynamic_num_pts", "static_num_pts"),
        ("dynamic_index_mapping",),
        ("static_v_list_dim0",),
        ("source_file",),
    ],
    ids=lambda names: names[0],
)
def test_a_dataset_that_is_not_there_is_said_to_be_missing(tmp_path, names):
    told = foreign(spoiled(tmp_path, **dict.fromkeys(names)))
    assert set(names) <= set(told.missing)
    if names == ("blemish",):
        with pytest.raises(ValueError, match="holds no blemish"):
            told.blemish_operation()
    if names == ("energy",):
        with pytest.raises(ValueError, match="does not tell energy"):
            told.geometry(**ANGLES)
    if names[0] in ("map_names", "dynamic_num_pts"):
        with pytest.raises(ValueError, match=f"does not tell .*{names[0]}"):
            told.recipe(told.geometry(**ANGLES))


def test_gaps_in_the_labels_are_closed_with_their_natural_indices_kept(tmp_path):
    made = content()
    labels = made["dynamic_roi_map"].copy()
    labels[labels == 2] = 0
    static = np.where(labels > 0, made["static_roi_map"], 0)
    told = foreign(spoiled(tmp_path, dynamic_roi_map=labels, static_roi_map=static))
    assert sorted(np.unique(told.dynamic_roi_map)) == [0, 1, 2, 3, 4, 5]
    assert told.dynamic.index_mapping.tolist() == [0, 2, 3, 4, 5]
    kept = told.dynamic_roi_map > 0
    assert np.array_equal(
        told.dynamic.index_mapping[told.dynamic_roi_map[kept] - 1], labels[kept].astype(int) - 1
    )
    assert any("1 labels of dynamic_roi_map have no pixel" in each for each in told.repairs)
    assert any("pixels that the mask counts have no label" in each for each in told.repairs)


def test_labels_outside_the_mask_are_taken_away(tmp_path):
    labels = content()["static_roi_map"].copy()
    labels[0, :5] = 1
    told = foreign(spoiled(tmp_path, static_roi_map=labels))
    assert np.array_equal(told.static_roi_map, content()["static_roi_map"])
    assert told.repairs == ("5 pixels of static_roi_map outside the mask had a label; they have none now",)


def test_a_label_in_one_map_alone_is_taken_away(tmp_path):
    labels = content()["static_roi_map"].copy()
    labels[5, 5] = 0
    told = foreign(spoiled(tmp_path, static_roi_map=labels))
    assert told.dynamic_roi_map[5, 5] == 0
    assert any("that the other map excludes" in each for each in told.repairs)


def test_a_hash_of_other_content_is_said(tmp_path):
    told = foreign(write(tmp_path / "qmap.hdf", hash="0" * 64))
    assert told.intact is False
    assert told.repairs == ("its hash is not that of its content: it was changed after it was written",)


REFUSED = {
    "no mask": ({"mask": None}, "holds no mask"),
    "no labels": ({"dynamic_roi_map": None}, "holds no dynamic_roi_map"),
    "a mask of another shape": ({"mask": np.ones((3, 3), bool)}, r"mask is bool \(3, 3\)"),
    "a transposed mask": ({"mask": content()["mask"].T}, "saved transposed"),
    "a map of another shape": ({"static_roi_map": np.ones((3, 3), np.uint8)}, "static_roi_map is"),
    "a mask of grey values": ({"mask": content()["dynamic_roi_map"]}, "other than 0 and 1"),
    "labels that are no integers": ({"dynamic_roi_map": np.ones(SHAPE)}, "expected integers"),
    "negative labels": ({"dynamic_roi_map": -np.ones(SHAPE, int)}, "no labels from 1 on"),
    "a label of a billion": ({"dynamic_roi_map": np.full(SHAPE, 10**9)}, "labels up to 1000000000"),
    "no label at all": ({"dynamic_roi_map": np.zeros(SHAPE, int)}, "no pixel has a label"),
    "a mask beyond the blemish": ({"blemish": np.zeros(SHAPE, bool)}, "its blemish rejects"),
    "too many centres": ({"static_v_list_dim0": np.arange(7.0)}, "has 7 centres; there are 6 bins"),
    "too few centres": ({"static_v_list_dim1": np.arange(3.0)}, "has 3 centres; there are 4 bins"),
    "a mapping too long": ({"dynamic_index_mapping": np.arange(7)}, "has 7 entries"),
    "a mapping out of order": ({"dynamic_index_mapping": np.arange(6)[::-1].copy()}, "increase strictly"),
    "a mapping beyond the bins": ({"dynamic_index_mapping": np.arange(6) + 1}, r"within 0\.\.5"),
    "three numbers of bins": ({"dynamic_num_pts": np.array([3, 2, 1])}, "expected two numbers"),
    "no number of bins": ({"static_num_pts": np.array([0, 4])}, "expected two numbers"),
    "a billion bins": ({"static_num_pts": np.array([1, 10**9])}, "16777216 together at most"),
    "one name": ({"map_names": ["x"]}, "expected two texts"),
    "an energy of words": ({"energy": "ten"}, "expected one number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_contradicts_itself_is_refused(tmp_path, case):
    changes, reason = REFUSED[case]
    with pytest.raises(ValueError, match=reason) as caught:
        foreign(spoiled(tmp_path, **changes))
    assert len(str(caught.value)) < 300


def test_a_file_without_such_a_group_is_refused_with_the_way_to_read_it(tmp_path):
    with pytest.raises(ValueError, match=r"no /qmap or /xpcs/qmap.*read_mask"):
        read_foreign_qmap(write(tmp_path / "mask.h5", group="simplemask"))
    with pytest.raises(FileNotFoundError, match="no file"):
        read_foreign_qmap(tmp_path / "none.hdf")


@pytest.mark.parametrize(
    ("pixel", "distance", "version", "lengths", "metres"),
    [
        (1e-4, 2.0, "0.4.5", None, (1e-4, 2.0)),
        (0.1, 2000.0, "1.0.0", None, (1e-4, 2.0)),
        (0.1, 2000.0, "0.4.5", "mm", (1e-4, 2.0)),
    ],
)
def test_lengths_are_in_the_unit_of_the_writer(tmp_path, pixel, distance, version, lengths, metres):
    path = write(
        tmp_path / "q.hdf", content() | {"pixel_size": pixel, "detector_distance": distance}, version=version
    )
    record = foreign(path).geometry(**ANGLES, lengths=lengths)
    assert (record.x_pixel_size, record.distance) == pytest.approx(metres, rel=1e-12)


def test_a_unit_of_length_that_nobody_tells_is_asked_for(tmp_path):
    told = foreign(write(tmp_path / "q.hdf", content() | {"pixel_size": 0.1}))
    with pytest.raises(ValueError, match='pass lengths="mm"'):
        told.geometry(**ANGLES)


def test_edges_are_those_that_give_every_pixel_its_label(tmp_path):
    told = foreign(write(tmp_path / "q.hdf"))
    record = told.geometry(**ANGLES)
    recipe = told.recipe(record)
    assert recipe.static_edges["x"] == pytest.approx(np.linspace(-0.5, 15.5, 7), abs=1e-12)
    assert recipe.edges["y"] == pytest.approx([-0.5, 5.5, 11.5], abs=1e-12)
    assert np.array_equal(told.partition(record, recipe).static_roi_map, told.static_roi_map)
    many = foreign(
        write(
            tmp_path / "m.hdf",
            content() | {"static_num_pts": np.array([6, 40])} | {"static_v_list_dim1": np.arange(40.0)},
        )
    )
    with pytest.raises(ValueError, match="6×40 static bins, more than pixels"):
        many.recipe(record)
    with pytest.raises(ValueError, match=r"detector \(12, 16\), the geometry of \(16, 12\)"):
        told.recipe(record.model_copy(update={"shape": (16, 12)}))


def test_a_single_pixel_with_another_label_leaves_no_edges(tmp_path):
    made = content()
    labels = made["dynamic_roi_map"].copy()
    labels[2, 0] = labels[2, 15]
    told = foreign(write(tmp_path / "q.hdf", made | {"dynamic_roi_map": labels}))
    with pytest.raises(ValueError, match=r"1 pixels of dynamic_roi_map get other labels than q\.hdf has"):
        told.recipe(told.geometry(**ANGLES))
    labels = made["static_roi_map"].copy()
    labels[2, 0] = labels[2, 15]
    told = foreign(write(tmp_path / "q.hdf", made | {"static_roi_map": labels}))
    with pytest.raises(ValueError, match=r"at best 1 of 160 pixels fall into others"):
        told.recipe(told.geometry(**ANGLES))


def test_the_way_by_another_process_gives_the_same_and_names_the_file(tmp_path):
    path = write(tmp_path / "qmap.hdf", version="0.4.5")
    here, there = foreign(path), read_foreign_qmap(path)
    assert (here.missing, here.repairs, here.version) == (there.missing, there.repairs, there.version)
    assert np.array_equal(here.static_roi_map, there.static_roi_map)
    assert there.static.num_pts == (6, 4)
    assert (there.source_file, there.energy) == ("a.h5", 9.0)
    with pytest.raises(ValueError, match=r"qmap\.hdf: it holds no mask"):
        read_foreign_qmap(spoiled(tmp_path, mask=None))
