"""Editing masks over HTTP: with and without a block, undone and redone from another client."""

from __future__ import annotations

from datetime import UTC, datetime

import event_model
import h5py
import numpy as np
import pytest

from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.store.errors import DamagedData

SHAPE = (30, 40)


@pytest.fixture
def detector(catalog):
    return catalog.create_detector("eiger4M", shape=SHAPE)


def elsewhere(catalog):
    """The same detector for a client that shares no cache."""
    return MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


def test_each_call_commits_without_a_block(detector, catalog):
    edit = detector.edit(author="me")
    edit.circle(row=10, column=10, radius=3)
    edit.rectangle(row=20, column=20, height=4, width=4)
    assert [entry.author for entry in detector.log("mask")] == ["me", "me"]
    assert elsewhere(catalog).mask() == detector.mask()


def test_a_block_commits_on_leaving(detector):
    with detector.edit() as mask:
        mask.circle(row=10, column=10, radius=3)
        mask.pixels([(0, 0)])
        assert detector.log() == []
    assert not np.asarray(detector.mask())[0, 0]


def test_an_exception_in_a_block_commits_nothing(detector):
    with pytest.raises(ZeroDivisionError), detector.edit() as mask:
        mask.circle(row=10, column=10, radius=3)
        _ = 1 / 0
    assert detector.log() == []
    assert detector.mask().counted == 30 * 40


def test_undo_and_redo_work_from_another_client(detector, catalog):
    detector.edit().circle(row=10, column=10, radius=3)
    masked = detector.mask()
    elsewhere(catalog).edit().undo()
    assert detector.mask().counted == 30 * 40
    detector.edit().redo()
    assert elsewhere(catalog).mask() == masked
    elsewhere(catalog).edit().reset()
    assert detector.mask().counted == 30 * 40


def test_nothing_to_undo_is_a_lookup_error_and_commits_nothing(detector):
    with pytest.raises(LookupError, match="nothing to undo"):
        detector.edit().undo()
    assert detector.log() == []


def test_a_threshold_is_evaluated_again_from_its_stored_image(detector, catalog):
    image = np.arange(1200, dtype=np.float32).reshape(SHAPE)
    detector.edit().threshold(high=600, image=image)
    assert elsewhere(catalog).mask().counted == 600
    (operation,) = detector.history().operations
    assert operation.image.digest == array_digest(image)


def test_a_threshold_without_image_and_runs_is_a_clear_error(detector):
    with pytest.raises(LookupError, match="pass image="):
        detector.edit().threshold(high=3)


def record_frames(catalog, frames, uid="run-with-frames"):
    """Record a run of one frame stack, as a detector that writes HDF5 tells it."""
    path = catalog.frames_directory / f"{uid}.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("entry/data/data", data=frames)
    key = {
        "source": "test",
        "dtype": "array",
        "shape": [1, *frames.shape[1:]],
        "dtype_numpy": frames.dtype.str,
        "external": "STREAM:",
        "object_name": "eiger4M",
    }
    bundle = event_model.compose_run(uid=uid)
    described = bundle.compose_descriptor(
        name="primary", data_keys={"eiger4M_image": key}, object_keys={"eiger4M": ["eiger4M_image"]}
    )
    resource, compose_datum = event_model.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{path}",
        data_key="eiger4M_image",
        parameters={"dataset": "entry/data/data", "chunk_shape": [1, *frames.shape[1:]]},
        start=bundle.start_doc,
    )
    datum = compose_datum({"start": 0, "stop": len(frames)}, {"start": 1, "stop": len(frames) + 1})
    datum["descriptor"] = described.descriptor_doc["uid"]
    record = catalog.tiled_writer()
    record("start", bundle.start_doc)
    record("descriptor", described.descriptor_doc)
    record("stream_resource", resource)
    record("stream_datum", datum)
    record("stop", bundle.compose_stop())
    return bundle.start_doc["uid"]


def test_a_threshold_takes_the_mean_of_the_last_run(detector, catalog):
    frames = np.random.default_rng(1).poisson(5, (7, *SHAPE)).astype(np.uint16)
    uid = record_frames(catalog, frames)
    detector.edit().threshold(high=5.5)
    (operation,) = detector.history().operations
    assert (operation.image.run, operation.image.frames) == (uid, "mean of 0:7")
    expected = frames.mean(axis=0, dtype=float).astype(np.float32) < 5.5
    assert np.array_equal(np.asarray(elsewhere(catalog).mask()), expected)


def test_the_mask_counts_no_blemished_pixel(catalog):
    good = np.ones(SHAPE, dtype=bool)
    good[3, 4] = False
    detector = catalog.create_detector("eiger4M", shape=SHAPE, blemish=good)
    detector.edit().circle(row=10, column=10, radius=3)
    assert not np.asarray(detector.mask())[3, 4]
    assert np.array_equal(np.asarray(detector.blemish()), good)
    detector.edit().reset()
    assert not (np.asarray(detector.mask()) & ~good).any()


@pytest.mark.parametrize("shape", [(40, 30), (30, 41)])
def test_arrays_of_another_shape_are_refused(detector, shape):
    with pytest.raises(ValueError, match="eiger4M"):
        detector.edit(layer="blemish").blemish(np.ones(shape, dtype=bool))
    with pytest.raises(ValueError, match="threshold's image"):
        detector.edit().threshold(high=1, image=np.ones(shape))
    assert detector.log() == []


def test_operations_that_cannot_be_evaluated_are_refused_at_once(detector):
    with pytest.raises(ValueError, match="off the detector"):
        detector.edit().pixels([(30, 0)])
    with pytest.raises(ValueError, match="expected one of q"):
        detector.edit().constraint("w", lower=1)
    assert detector.log() == []


def test_the_mask_of_the_past(detector):
    detector.edit().circle(row=10, column=10, radius=3)
    early, revision = detector.mask(), detector.head()
    then = datetime.fromtimestamp(detector.log()[-1].time, tz=UTC)
    detector.edit().circle(row=20, column=20, radius=5)
    assert detector.mask(revision=revision) == early
    assert detector.mask(at=then) == early
    assert detector.mask(revision=0).counted == 30 * 40
    with pytest.raises(LookupError, match="revision 99"):
        detector.mask(revision=99)
    with pytest.raises(ValueError, match="time zone"):
        detector.mask(at=datetime.now())


def test_the_difference_of_two_revisions_names_pixels_and_operations(detector):
    detector.edit().pixels([(1, 1), (2, 2)])
    detector.edit().pixels([(3, 3)])
    changed = detector.diff(1, 2)
    assert changed.lost.sum() == 1
    assert changed.lost[3, 3]
    assert not changed.gained.any()
    assert changed.operations == ("pixels (3, 3)",)


def test_a_constraint_needs_a_geometry(detector):
    detector.edit().constraint("x", lower=5)
    with pytest.raises(LookupError, match="geometry"):
        detector.mask()


def test_equal_arrays_are_stored_once_and_read_verified(detector):
    array = np.arange(6).reshape(2, 3)
    assert detector.blobs.put(array) == detector.blobs.put(array.copy()) == array_digest(array)
    assert list(detector["blobs"]) == [array_digest(array)]


def test_a_half_written_array_is_never_served_and_healed_by_storing_it_again(detector, catalog):
    from tiled.structures.array import ArrayStructure
    from tiled.structures.core import StructureFamily
    from tiled.structures.data_source import DataSource

    array = np.arange(1, 7).reshape(2, 3)
    source = DataSource(structure=ArrayStructure.from_array(array), structure_family=StructureFamily.array)
    detector["blobs"].new(
        StructureFamily.array, [source], key=array_digest(array), metadata={"sealed": False}
    )  # and the writer dies here
    with pytest.raises(DamagedData, match="died half-way"):
        detector.blobs.get(array_digest(array))
    elsewhere(catalog).blobs.put(array)
    assert np.array_equal(detector.blobs.get(array_digest(array)), array)
