"""Laws of the /qmap file: nothing is lost on the way through it, and no damage gets through unnoticed."""

import contextlib
import tempfile
from pathlib import Path

import h5py
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.qmap_files import RECORD, content, write
from xpcs_mask_bluesky import (
    GeometryRecord,
    PartitionRecipe,
    check_qmap_file,
    partition,
    q_map,
    read_foreign_qmap,
    read_qmap,
    write_qmap,
)
from xpcs_mask_bluesky.files.foreign_qmap import foreign_qmap
from xpcs_mask_bluesky.files.hdf5_content import Content, read_content
from xpcs_mask_bluesky.files.qmap_check import problems_of

SHAPE = (23, 31)
angles = st.sampled_from([0.0, 0.25, -3.0])
records = st.builds(
    GeometryRecord,
    incident_energy=st.floats(5, 25),
    distance=st.floats(0.5, 10),
    beam_center_x=st.floats(-5, 35),
    beam_center_y=st.floats(-5, 28),
    x_pixel_size=st.just(75e-6),
    y_pixel_size=st.just(75e-6),
    shape=st.just(SHAPE),
    swing_angle_horizontal=angles,
    swing_angle_vertical=angles,
    tilt_yaw=angles,
)
numbers = {"dynamic": st.tuples(st.integers(1, 4), st.integers(1, 3)), "static": st.just((12, 6))}
turned = {"phi_offset": st.sampled_from([0.0, 11.5]), "symmetry_fold": st.sampled_from([1, 3])}
few = {"minimum_pixels": st.just(4), "small_bins": st.sampled_from(["keep", "drop", "merge"])}
recipes = st.one_of(
    st.builds(PartitionRecipe, axes=st.sampled_from([("q", "phi"), ("phi", "q")]), **numbers, **turned),
    st.builds(
        PartitionRecipe, axes=st.sampled_from([("x", "y"), ("qr", "two_theta"), ("qx", "qy")]), **numbers
    ),
    st.builds(PartitionRecipe, axes=st.just(("q", "phi")), **numbers, **few),
    st.builds(
        PartitionRecipe, axes=st.sampled_from([("q",), ("phi",)]), dynamic=st.just(3), static=st.just(12)
    ),
)


def masks(draw):
    mask = np.ones(SHAPE, bool)
    for _ in range(draw(st.integers(0, 3))):
        row, column = draw(st.integers(0, SHAPE[0] - 1)), draw(st.integers(0, SHAPE[1] - 1))
        mask[row : row + draw(st.integers(1, 9)), column : column + draw(st.integers(1, 9))] = False
    return mask


@st.composite
def partitions(draw):
    recipe = draw(recipes)
    mask, blemish = masks(draw), masks(draw)
    assume(np.count_nonzero(mask & blemish) > 200)
    try:
        return partition(q_map(draw(records)), mask, recipe, blemish)
    except ValueError:  # more bins than the numbers can tell apart
        assume(False)


@settings(deadline=None, max_examples=20)
@given(part=partitions(), run_uid=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8))
def test_a_partition_comes_back_from_its_file_with_the_same_digest_and_all_it_says(part, run_uid):
    with tempfile.TemporaryDirectory() as folder:
        path = write_qmap(part, Path(folder) / "q.hdf", run_uid=run_uid, quiet=True)
        again = read_qmap(path)
        with h5py.File(path) as file:
            told = read_content(file["qmap"])
            assert file["provenance"].attrs["run_uid"] == run_uid
    assert again.digest == part.digest
    assert (again.record, again.recipe, again.requested) == (part.record, part.recipe, part.requested)
    for ours, theirs in ((again.dynamic, part.dynamic), (again.static, part.static)):
        assert np.array_equal(ours.counts, theirs.counts)
        assert all(np.array_equal(a, b) for a, b in zip(ours.centers, theirs.centers, strict=True))
    assert problems_of(told) == []
    foreign = foreign_qmap(told, source="q.hdf", group="/qmap")
    assert foreign.intact
    assert foreign.repairs == ()
    assert np.array_equal(foreign.dynamic_roi_map, part.dynamic_roi_map)
    assert np.array_equal(foreign.mask, part.mask)


@st.composite
def spoiled_contents(draw):
    """A content with some datasets replaced by anything that HDF5 can hold."""
    datasets = {
        name: tuple(value)
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else np.asarray(value)
        for name, value in content().items()
    }
    for name in draw(st.lists(st.sampled_from(sorted(datasets)), min_size=1, max_size=3, unique=True)):
        datasets[name] = draw(anything(datasets[name]))
    return {name: value for name, value in datasets.items() if value is not None}


def anything(value):
    """Strategies for what may stand where a value stood."""
    if isinstance(value, (str, tuple)):
        return st.sampled_from([None, "", "q", ("q",), ("q", "phi"), np.array([1.0, np.nan])])
    numbers = st.sampled_from([0, 1, 2, 6, 255, 2**31 - 1, 2**63 - 1, -1, np.nan, np.inf, -1e308])
    return st.one_of(
        st.none(),
        st.just("text"),
        st.sampled_from([(), (0,), (1,), (2,), (5,), (12, 16), (16, 12), (2, 12, 16), (0, 16)]).map(np.zeros),
        st.sampled_from(["b1", "i1", "u2", "i8", "u8", "f4", "f8"]).map(value.astype),
        st.tuples(st.integers(0, max(value.size - 1, 0)), numbers).map(lambda at: changed(value, *at)),
    )


def changed(value, index, number):
    with np.errstate(all="ignore"):
        flat = np.array(value).ravel().astype(np.result_type(value, np.asarray(number)))
        if flat.size:
            flat[index] = number
        return flat.reshape(np.shape(value))


@settings(deadline=None, max_examples=150)
@given(datasets=spoiled_contents())
def test_any_content_is_taken_or_refused_with_a_value_error_and_what_is_taken_fits_together(datasets):
    told = Content(datasets=datasets)
    problems_of(told)
    try:
        foreign = foreign_qmap(told, source="q.hdf", group="/qmap")
    except ValueError as error:
        assert 5 < len(str(error)) < 400
        return
    assert np.array_equal(foreign.dynamic_roi_map > 0, foreign.static_roi_map > 0)
    assert not (foreign.dynamic_roi_map[~foreign.mask]).any()
    for bins, labels in (
        (foreign.dynamic, foreign.dynamic_roi_map),
        (foreign.static, foreign.static_roi_map),
    ):
        assert np.bincount(labels.ravel())[1:].all()
        if bins.index_mapping is not None:
            assert len(bins.index_mapping) == labels.max()
    with contextlib.suppress(ValueError):
        foreign.recipe(foreign.geometry(swing_angle_horizontal=0.0, swing_angle_vertical=0.0))


@settings(deadline=None, max_examples=5)
@given(data=st.data())
def test_damaged_bytes_are_an_error_or_change_nothing_that_is_read(data):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "q.hdf", version="0.4.5")
        raw = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 8))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(raw)
        for reads in (read_foreign_qmap, check_qmap_file):
            with contextlib.suppress(ValueError, OSError):
                reads(path)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_damage_to_a_file_of_ours_is_an_error_or_changes_nothing(data):
    with tempfile.TemporaryDirectory() as folder:
        path = write_qmap(OURS, Path(folder) / "q.hdf")
        with h5py.File(path, "a") as file:
            name = data.draw(st.sampled_from(sorted(file["qmap"])))
            dataset = file["qmap"][name]
            if dataset.dtype.kind in "uif" and dataset.size:
                value = np.asarray(dataset[()])
                dataset[...] = data.draw(
                    anything(value).filter(
                        lambda each: np.shape(each) == value.shape and not isinstance(each, str)
                    )
                )
            else:
                del file["qmap"][name]
        try:
            again = read_qmap(path)
        except ValueError:
            return
        assert again.digest == OURS.digest


OURS = partition(
    q_map(RECORD.model_copy(update={"shape": SHAPE})),
    np.ones(SHAPE, bool),
    PartitionRecipe(dynamic=(3, 2), static=(6, 4)),
)
