"""A catalogue's directory may be moved, or restored from a copy, and still serves everything."""

from __future__ import annotations

import shutil
import sqlite3

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.plans import count

from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

SHAPE = (60, 80)
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.0,
    beam_center_y=22.0,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=SHAPE,
)


@pytest.fixture
def written(tmp_path):
    """A directory with a blemish, a partition and a run with frames in it; and what they were."""
    directory = tmp_path / "the night shift"
    with MaskCatalog.open(directory) as catalog:
        blemish = np.ones(SHAPE, bool)
        blemish[:, 40] = False
        detector = catalog.create_detector("det", shape=SHAPE, blemish=blemish)
        detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
        digest = detector.publish(RECORD, run_uid="r1").partition.digest
        run_engine = RunEngine({})
        run_engine.subscribe(catalog.tiled_writer())
        beamline = SimulatedBeamline(directory / "frames")
        (uid,) = run_engine(count([beamline.detector, *beamline.geometry_devices]))
        frames = catalog.client["raw", uid, "primary", "eiger4M_image"].read()
    return directory, digest, uid, frames


def everything_is_there(directory, digest, uid, frames) -> bool:
    with MaskCatalog.open(directory) as catalog:
        detector = catalog["det"]
        assert not np.asarray(detector.mask())[:, 40].any()
        assert detector.partition(run="r1").partition.read().digest == digest
        stream = catalog.client["raw", uid, "primary"]
        assert np.array_equal(stream["eiger4M_image"].read(), frames)
        assert len(stream["flight_path_length"].read()) == 1
    return True


def test_a_moved_directory_serves_what_it_held(written, tmp_path):
    directory, *held = written
    moved = tmp_path / "elsewhere" / "xpcs"
    moved.parent.mkdir()
    shutil.move(directory, moved)
    assert everything_is_there(moved, *held)
    assert everything_is_there(moved, *held)


def test_a_copy_is_a_catalogue_of_its_own(written, tmp_path):
    directory, *held = written
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    shutil.move(directory, tmp_path / "away")
    assert everything_is_there(copy, *held)
    with sqlite3.connect(copy / "catalog.db") as connection:
        addresses = [uri for (uri,) in connection.execute("SELECT data_uri FROM assets")]
    assert len(addresses) >= 4
    assert all(str(copy) in uri for uri in addresses)
