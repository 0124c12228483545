"""Masks of other times and runs: compared, replayed, kept as rasters, verified elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.system.test_store_edit import record_frames
from xpcs_mask_bluesky import (
    AmbiguousPartition,
    Circle,
    GeometryRecord,
    History,
    MaskCatalog,
    PartitionRecipe,
    Threshold,
    evaluate,
    q_map,
)
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.log import Draft

SHAPE = (30, 40)
RECIPE = PartitionRecipe(dynamic=(3, 1), static=(6, 2))


def record(row, column=19.0):
    return GeometryRecord(
        incident_energy=10.0,
        distance=5.0,
        beam_center_x=column,
        beam_center_y=row,
        x_pixel_size=75e-6,
        y_pixel_size=75e-6,
        shape=SHAPE,
    )


@pytest.fixture
def eiger(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.set_recipe(RECIPE)
    return eiger


def test_a_difference_between_runs_tells_pixels_operations_and_what_each_bin_lost(eiger):
    eiger.edit("me").pixels([(0, 0)])
    first = eiger.publish(record(14.0), run_uid="a").partition.read()
    ring = first.dynamic_roi_map == 2
    with eiger.edit("me") as mask:
        mask.pixels(np.argwhere(ring))  # the middle ring empties: labels shift, natural indices stay
        mask.pixels([(0, 1), (29, 39)], reason="hot")
    eiger.publish(record(14.0), run_uid="b")
    assert eiger.partition(run="b").partition.dynamic_index_mapping.tolist() == [0, 2]
    found = eiger.diff("a", "b")
    assert np.array_equal(
        found.lost, ring | (np.indices(SHAPE).sum(0) == 68) | (np.arange(1200) == 1).reshape(SHAPE)
    )
    assert not found.gained.any()
    assert found.operations[-1] == "pixels (0, 1), (29, 39): hot"
    sizes = np.bincount(first.dynamic_roi_map.ravel())
    assert [(each.index, each.before, each.lost) for each in found.bins] == [
        (1, sizes[2], sizes[2]),
        (2, sizes[3], 2),
    ]
    assert f"dynamic bin 1: lost {sizes[2]} of {sizes[2]} pixels" in repr(found)
    back = eiger.diff("b", "a")
    assert np.array_equal(back.gained, found.lost)
    assert back.operations == found.operations


def test_a_difference_takes_times_and_revisions_and_needs_no_partition(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.edit("me").pixels([(1, 1)])
    then = datetime.fromtimestamp(eiger.log()[-1].time, UTC)
    eiger.edit("me").undo()
    found = eiger.diff(then, eiger.head())
    assert np.argwhere(found.gained).tolist() == [[1, 1]]
    assert found.operations == ("undo: + pixels (1, 1)",)
    assert "no published partition" in repr(found)
    with pytest.raises(LookupError, match="knows no run"):
        eiger.diff("nobody's run", 1)


def test_replayed_on_another_run_a_mask_has_its_geometry_and_its_image(eiger, catalog):
    rng = np.random.default_rng(3)
    one, two = (rng.poisson(5, (7, *SHAPE)).astype(np.uint16) for _ in range(2))
    two[2, 3, 3] = 65535
    uid = record_frames(catalog, one, "run-one")
    edit = eiger.edit("me")
    edit.circle(row=0, column=0, radius=4, frame="beam")
    edit.threshold(high=6)
    edit.threshold(saturated="uint16")
    edit.pixels([(9, 9)])
    eiger.publish(record(14.0), run_uid=uid)
    eiger.edit("staff", layer="blemish").pixels([(20, 20)])
    before = eiger.log()
    other = record_frames(catalog, two, "run-two")
    eiger.publish(record(8.0), run_uid=other)
    replayed = eiger.replay(on=other)
    mean = two.mean(axis=0, dtype=float).astype(np.float32)
    distance = np.hypot(*(np.indices(SHAPE).astype(float) - np.array([8, 19])[:, None, None]))
    expected = (distance >= 4) & (mean < 6) & (two.max(axis=0) < 65535)
    expected[9, 9] = expected[20, 20] = False
    assert np.array_equal(np.asarray(replayed.mask), expected)
    assert [each.image.run for each in replayed.history.operations[1:3]] == [other, other]
    assert [each.image.frames for each in replayed.history.operations[1:3]] == [
        "mean of 0:7",
        "maximum of 0:7",
    ]
    assert replayed.geometry == record(8.0)
    assert [entry.seq for entry in eiger.log("mask")] == [
        entry.seq for entry in before if entry.kind == "mask"
    ]
    own = eiger.replay(History().apply(Threshold(high=5)), on=uid)
    assert np.array_equal(np.asarray(own.mask)[:9], one.mean(axis=0, dtype=float).astype(np.float32)[:9] < 5)


def test_what_cannot_be_evaluated_anew_is_an_error(eiger):
    eiger.edit("me").threshold(high=600, image=np.arange(1200.0).reshape(SHAPE))
    eiger.publish(record(14.0), run_uid="a")
    with pytest.raises(ValueError, match="given by hand"):
        eiger.replay(on="a")
    assert eiger.replay(on="a", image=np.ones(SHAPE)).mask.counted == 1200
    with pytest.raises(LookupError, match="not recorded"):
        eiger.replay(History().apply(Threshold(high=5)), on="a")
    follows = History().apply(Circle(row=0, column=0, radius=4, frame="beam"))
    with pytest.raises(LookupError, match="knows no run"):
        eiger.replay(follows, on="nobody's")
    eiger.publish(record(20.0), run_uid="a", first_seq_num=2)
    with pytest.raises(AmbiguousPartition):
        eiger.replay(follows, on="a")
    there = evaluate(follows, shape=SHAPE, qmap=q_map(record(20.0)))
    assert eiger.replay(follows, on="a", event=2).mask == there


def test_a_snapshot_is_stored_once_and_read_verified(eiger, catalog):
    eiger.edit("me").circle(row=10, column=10, radius=4)
    first = eiger.snapshot(reason="for the paper")
    eiger.edit("me").circle(row=20, column=20, radius=4)
    again = eiger.snapshot(revision=first.mask_revision)
    assert again.digest == first.digest
    assert list(eiger["blobs"]) == [first.digest]
    there = MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]
    assert [each.reason for each in there.snapshots()] == ["for the paper", ""]
    assert there.snapshots()[0].read() == eiger.mask(revision=first.mask_revision)


VERIFY = """
import sys
from xpcs_mask_bluesky import MaskCatalog
print(MaskCatalog.open(sys.argv[1], path=sys.argv[2])["eiger4M"].verify_masks())
"""


def test_the_log_evaluates_to_the_same_rasters_in_another_process(eiger, catalog, server_directory):
    edit = eiger.edit("me")
    edit.ellipse(row=10.3, column=11.7, semi_row=7, semi_column=3, angle=37.5)
    edit.line(start=(0.1, 0.2), end=(27.3, 36.9), width=2.2)
    edit.threshold(high=800, image=np.arange(1200, dtype=np.float32).reshape(SHAPE))
    edit.grow(pixels=1.5)
    edit.undo()
    edit.circle(row=0, column=0, radius=0.001, frame="q")  # its raster depends on the geometry: not told
    assert ["raster" in entry.body for entry in eiger.log("mask")] == [True] * 5 + [False]
    environment = os.environ | {
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "PYTHONHASHSEED": "7",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", VERIFY, str(server_directory), catalog.path],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.strip() == "5"


def test_a_raster_that_comes_out_otherwise_is_reported(eiger):
    eiger.edit("Ada").circle(row=5, column=5, radius=2)
    entry = eiger.log("mask")[0]
    body = {**entry.body, "actions": [{"action": "label", "label": "x"}], "raster": "0" * 64}
    draft = Draft(kind="mask", author="Ada", parent=entry.seq, body=body)
    eiger.commits.append(draft, since=entry.seq)
    with pytest.raises(DamagedData, match="another raster here than for Ada"):
        eiger.verify_masks()
