# ruff: noqa: F811  fixtures of the other file
"""Several named partitions of one detector from one callback: each with its recipe in force."""

import numpy as np
from bluesky import plan_stubs as bps
from bluesky import plans as bp
from bluesky.preprocessors import run_decorator, stage_decorator

from tests.system.test_callback import RECIPE, beamline, engine, wait_for, watching  # noqa: F401
from tests.system.test_live import elsewhere, published  # noqa: F401
from xpcs_mask_bluesky import GeometrySource, Group, PartitionRecipe


def peaks(dynamic=(2, 1), minimum_pixels=0):
    groups = (
        Group(
            name="111", ranges={"q": (0.004, 0.006), "phi": (160.0, -160.0)}, dynamic=dynamic, static=(4, 2)
        ),
        Group(name="200", ranges={"q": (0.006, 0.008), "phi": (-30.0, 30.0)}, dynamic=dynamic, static=(4, 2)),
    )
    return PartitionRecipe(groups=groups, minimum_pixels=minimum_pixels)


RINGS = PartitionRecipe(axes=("q",), dynamic=5, static=20)


def watching_three(catalog, tmp_path):
    """Return a callback that publishes q-phi bins, peaks and rings for each geometry."""
    callback = watching(catalog, tmp_path)
    source = GeometrySource.preset("xpcs-sim", detector="eiger4M")
    callback.watch("eiger4M", source=source, recipe=peaks(), name="peak-111")
    return callback.watch("eiger4M", source=source, recipe=RINGS, name="rings")


def test_one_run_has_a_partition_of_each_name(catalog, tmp_path, engine, beamline):
    callback = watching_three(catalog, tmp_path)
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    eiger = catalog["eiger4M"]
    found = {use.name: use for use in eiger.partitions(run=uid, name=None)}
    assert set(found) == {"default", "peak-111", "rings"}
    assert found["default"].partition.requested == RECIPE
    assert found["rings"].partition.map_names == ("q", "phi")
    peak = found["peak-111"].partition
    peak.check()
    assert peak.num_pts == (4, 2)
    assert np.isclose(peak.dynamic.centers[1], [-180.0, 0.0]).all()
    assert {use.geometry for use in found.values()} == {found["default"].geometry}
    for name, use in found.items():
        assert eiger.partition(name=name, run=uid).partition.digest == use.partition.digest
        assert eiger.partition(name=name).partition.digest == use.partition.digest
        assert catalog.runs(partition=use.partition.digest) == [uid]
    again = peak.export(tmp_path / "peak.hdf")
    assert again.stat().st_size > 0
    # a second run with the same geometry has the same partitions, each of its own name
    (second,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    for name, use in found.items():
        assert eiger.partition(name=name, run=second).partition.digest == use.partition.digest
    assert callback.close()


def test_a_new_recipe_of_one_name_leaves_the_other_names_alone(
    catalog, elsewhere, tmp_path, engine, beamline
):
    callback = watching_three(catalog, tmp_path)
    devices, seen = [beamline.detector, beamline.mono], {}

    def revisions():
        uses = elsewhere["eiger4M"].partitions(run=seen["uid"], name=None)
        return {use.name: (use.revision, use.partition.digest) for use in uses}

    @stage_decorator(devices)
    @run_decorator()
    def plan():
        yield from bps.trigger_and_read(devices)
        assert callback.flush(30)
        seen["before"] = revisions()
        elsewhere["eiger4M"].set_recipe(peaks(dynamic=(1, 2)), name="peak-111", author="night shift")
        assert wait_for(lambda: revisions()["peak-111"] != seen["before"]["peak-111"])
        seen["recipe"] = revisions()
        elsewhere["eiger4M"].edit(author="night shift").circle(row=82, column=110, radius=5)
        changed = lambda name: revisions()[name][0] != seen["recipe"][name][0]  # noqa: E731
        assert wait_for(lambda: all(changed(name) for name in seen["recipe"]))
        yield from bps.trigger_and_read(devices)

    engine.subscribe(lambda name, doc: seen.setdefault("uid", doc["uid"]), "start")
    engine.subscribe(callback)
    (uid,) = engine(plan())
    assert callback.flush(30), callback.status()
    for name in ("default", "rings"):
        assert seen["recipe"][name] == seen["before"][name]
    eiger = catalog["eiger4M"]
    assert eiger.recipe(name="peak-111") == peaks(dynamic=(1, 2))
    assert (eiger.recipe(), eiger.recipe(name="rings")) == (RECIPE, RINGS)
    assert eiger.partition(name="peak-111", run=uid).partition.num_pts == (2, 4)
    for name in seen["before"]:
        part = eiger.partition(name=name, run=uid).partition
        assert not part.mask[82, 110]
        assert eiger.partition(name=name).partition.digest == part.digest
    assert callback.close()


def test_after_a_restart_each_name_keeps_its_recipe_and_its_resolution(catalog, tmp_path, engine, beamline):
    first = watching_three(catalog, tmp_path)
    token = engine.subscribe(first)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert first.close()
    engine.unsubscribe(token)
    eiger = catalog["eiger4M"]
    merging = PartitionRecipe(dynamic=(3, 1), static=(60, 60), minimum_pixels=12, small_bins="merge")
    eiger.set_recipe(merging, name="rings")
    second = watching_three(catalog, tmp_path)
    engine.subscribe(second)
    (again,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert second.flush(30), second.status()
    eiger.edit(author="night shift").circle(row=60, column=60, radius=30)
    (masked,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert second.flush(30), second.status()
    for name in ("default", "peak-111"):
        runs = [eiger.partition(name=name, run=each).partition for each in (uid, again)]
        assert runs[0].digest == runs[1].digest
    before, after = (eiger.partition(name="rings", run=each).partition.read() for each in (again, masked))
    assert before.recipe.merged
    assert before.recipe == after.recipe  # what is merged with what was resolved once, and stands in the log
    assert not before.diff(after).static.moved.any()
    assert before.diff(after).lost.any()
    resolved = [entry for entry in eiger.log("recipe resolved") if entry.inputs["recipe"] == merging.digest]
    assert len(resolved) == 1
    assert second.close()
