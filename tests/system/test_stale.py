"""The stale alarm: what is measured leaves the partition in force, counted in pixels that change bin."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plans as bp
from bluesky.preprocessors import SupplementalData

from xpcs_mask_bluesky import (
    GeometryRecord,
    GeometrySource,
    PartitionCallback,
    PartitionRecipe,
    Tolerance,
    partition,
    q_map,
)
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline
from xpcs_mask_bluesky.store.check import check_run
from xpcs_mask_bluesky.store.staleness import geometry_moved, redone

COMMAND = Path(sys.executable).with_name("xpcs-mask")
SHAPE = (120, 140)
RECIPE = PartitionRecipe(dynamic=(6, 1), static=(12, 2))


def record(**changes) -> GeometryRecord:
    numbers = {
        "incident_energy": 10.0,
        "distance": 5.0,
        "beam_center_x": 71.3,
        "beam_center_y": 42.6,
        "x_pixel_size": 75e-6,
        "y_pixel_size": 75e-6,
        "shape": SHAPE,
    }
    return GeometryRecord(**(numbers | changes))


def bins_by_hand(geometry: GeometryRecord, edges) -> np.ndarray:
    """Return the bin of each pixel, -1 outside, by numpy alone."""
    row, column = np.indices(SHAPE)
    way = np.hypot(column - geometry.beam_center_x, row - geometry.beam_center_y) * 75e-6
    q = (
        4
        * np.pi
        * geometry.incident_energy
        / 12.398419843320026
        * np.sin(np.arctan(way / geometry.distance) / 2)
    )
    found = np.searchsorted(edges, q, side="right") - 1
    found[(q < edges[0] - 1e-15) | (q > edges[-1] + 1e-15)] = -1
    return np.where(found == len(edges) - 1, len(edges) - 2, found)


def test_pixels_are_counted_by_natural_index_as_by_hand():
    mask = np.ones(SHAPE, bool)
    mask[50:60] = False
    mask[np.hypot(*(np.indices(SHAPE) - np.array([42.6, 71.3])[:, None, None])) < 22] = (
        False  # bin 0 is empty
    )
    edges = np.linspace(1e-5, 1.2e-3 * 5, 7)
    recipe = PartitionRecipe(
        dynamic=(6, 1), static=(12, 1), edges={"q": tuple(edges), "phi": (-180.0, 180.0)}
    )
    part = partition(q_map(record()), mask, recipe)
    assert part.dynamic_index_mapping[0] > 0  # labels are not indices here
    moved = record(beam_center_x=72.1, distance=4.98)
    found = geometry_moved(part, moved)
    was, now = (np.where(part.mask, bins_by_hand(each, edges), -1) for each in (record(), moved))
    left = [np.count_nonzero((was == k) & (now != k)) / max(np.count_nonzero(was == k), 1) for k in range(6)]
    came = [
        np.count_nonzero((now == k) & (was != k)) / np.count_nonzero(was == k)
        for k in range(6)
        if (was == k).any()
    ]
    assert found.changed == np.count_nonzero(was != now) > 0
    assert found.counted == part.mask.sum()
    assert found.worst_bin == pytest.approx(max(*left, *came))
    assert found.fields == {"distance": (5.0, 4.98), "beam_center_x": (71.3, 72.1)}
    assert "beam_center_x 71.3 → 72.1 px (+0.8)" in found.describe()


def test_the_same_geometry_moves_nothing_and_other_bins_cannot_be_compared():
    part = partition(q_map(record()), np.ones(SHAPE, bool), RECIPE)
    same = geometry_moved(part, record())
    assert (same.changed, same.worst_bin, dict(same.fields)) == (0, 0.0, {})
    other = partition(q_map(record()), np.ones(SHAPE, bool), PartitionRecipe(dynamic=(5, 1), static=(10, 2)))
    with pytest.raises(ValueError, match="recipe has changed"):
        redone(part, other)
    with pytest.raises(ValueError, match=r"the geometry is \(140, 120\)"):
        geometry_moved(part, record(shape=SHAPE[::-1]))


def test_a_tolerance_is_a_part_of_pixels_of_all_or_of_one_bin():
    part = partition(q_map(record()), np.ones(SHAPE, bool), RECIPE)
    found = geometry_moved(part, record(beam_center_x=71.4))
    share = found.changed / found.counted
    assert found.exceeds(Tolerance(pixels=share * 0.99, one_bin=1))
    assert not found.exceeds(Tolerance(pixels=share * 1.01, one_bin=1))
    assert found.exceeds(Tolerance(pixels=1, one_bin=found.worst_bin * 0.99))
    with pytest.raises(ValueError, match="pixels is 5"):
        Tolerance(pixels=5)


@pytest.fixture
def live(catalog, tmp_path):
    beamline = SimulatedBeamline(tmp_path / "frames")
    engine = RunEngine({}, context_managers=[])
    engine.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))
    made = []

    def run(callback=None, **kwargs):
        if not made:
            lines = []
            made.append(PartitionCallback(catalog, spool=tmp_path / "spool", console=lines.append))
            source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
            recipe = PartitionRecipe(dynamic=(10, 1), static=(60, 6))
            made[0].watch("eiger4M", source=source, recipe=recipe, **kwargs)
            engine.subscribe(made[0])
        (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
        assert made[0].flush(60), made[0].status()
        return uid, made[0]

    yield beamline, run
    made[0].close()


def in_force(callback) -> dict:
    return callback.status()["in_force"]["eiger4M/default"]


def test_a_detector_that_moved_between_runs_is_an_alarm_with_what_it_costs(catalog, live):
    beamline, run = live
    first, callback = run()
    run()
    assert not catalog["eiger4M"].log("alarm")
    before = catalog["eiger4M"].partition(run=first).partition.read()
    beamline.flight_path.length.put(4900.0)
    moved, _ = run()
    (alarm,) = catalog["eiger4M"].log("alarm")
    now = catalog["eiger4M"].partition(run=moved).partition.record
    cost = geometry_moved(before, now)
    assert "distance 5 → 4.9 m (-0.1)" in alarm.body["message"]
    assert f"{cost.changed} of {cost.counted} pixels" in alarm.body["message"]
    assert alarm.lineage["run_uid"] == moved
    assert alarm.body["comparison"]["changed"] == cost.changed
    assert not alarm.body["matches"]
    assert in_force(callback)["matches"]  # its own partition is in force now
    run()
    assert len(catalog["eiger4M"].log("alarm")) == 1


def test_a_move_within_the_tolerance_is_no_alarm(catalog, live):
    beamline, run = live
    run(tolerance=Tolerance(pixels=1.0, one_bin=1.0))
    beamline.flight_path.length.put(4900.0)
    run()
    assert not catalog["eiger4M"].log("alarm")


def test_without_a_geometry_the_run_goes_on_and_the_partition_in_force_does_not_match(catalog, live):
    beamline, run = live
    first, callback = run()
    assert in_force(callback)["matches"]
    good = beamline.optics()
    beamline.tell, beamline.optics = (lambda cam: None), (lambda: good)
    beamline.mono.energy.put(float("nan"))
    bad, _ = run()
    standing = in_force(callback)
    assert (standing["run"], standing["matches"]) == (first, False)
    assert f"run {bad[:8]}: the geometry is not known" in standing["why"]
    (alarm,) = catalog["eiger4M"].log("alarm")
    assert "stays in force and does not match" in alarm.body["message"]
    assert alarm.body["in_force"] == catalog["eiger4M"].partition(run=first).partition.digest
    assert catalog["eiger4M"].partition().run_uid == first
    with pytest.raises(LookupError, match="does not match"):
        catalog["eiger4M"].partition(run=bad)
    checked = check_run(catalog["eiger4M"], bad)
    assert checked.stale
    assert checked.alarms
    beamline.mono.energy.put(10.0)
    run()
    assert in_force(callback)["matches"]


def test_check_says_in_words_json_and_status_what_became_of_a_run(catalog, server_directory):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.set_recipe(RECIPE)
    eiger.publish(record(), run_uid="run-1", time=1.0)
    at = [COMMAND, "check", "run-1", "--catalog", server_directory, "--path", catalog.path]

    def check(*more):
        return subprocess.run([*at, *more], capture_output=True, text=True, check=False)

    right = check()
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout.startswith("run run-1 of eiger4M: right\n")
    eiger.publish(record(distance=4.5), run_uid="run-2", time=2.0)
    eiger.edit(author="test").rectangle(row=60, column=70, height=41, width=51)
    stale = check("--json")
    assert stale.returncode == 3, stale.stderr
    facts = json.loads(stale.stdout)
    assert facts["stale"]
    assert facts["parts"][0]["stale"]
    mask, since = facts["parts"][0]["said"]
    assert mask.startswith("the mask has changed, 2091 pixels fewer and 0 more: 2091 of 16800 pixels")
    assert "since then (run run-2) distance 5 → 4.5 m" in since
    assert check("--pixels", "1", "--one-bin", "1").returncode == 0
    unknown = subprocess.run([*at[:2], "nobody", *at[3:]], capture_output=True, text=True, check=False)
    assert unknown.returncode == 1
    (line,) = unknown.stderr.strip().splitlines()
    assert "knows no run 'nobody'" in line


def test_a_new_recipe_makes_the_old_partition_stale(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.set_recipe(RECIPE)
    eiger.publish(record(), run_uid="run-1", time=1.0)
    eiger.set_recipe(PartitionRecipe(dynamic=(5, 1), static=(10, 2)))
    checked = check_run(eiger, "run-1")
    assert checked.stale
    assert "recipe 'default' has changed" in checked.parts[0].said[0]
