"""Publishing partitions and asking for them again: now, then, and of a run."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.system.serving_checks import SHAPE, geometry
from xpcs_mask_bluesky import (
    AmbiguousPartition,
    MaskCatalog,
    PartitionRecipe,
    read_qmap,
)
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.uses import GeometryNote

RECIPE = PartitionRecipe(axes=("q", "phi"), dynamic=(4, 2), static=(16, 4))


@pytest.fixture
def detector(catalog):
    detector = catalog.create_detector("eiger4M", shape=SHAPE)
    detector.set_recipe(RECIPE)
    return detector


@pytest.fixture(params=["one file each", "containers of arrays"])
def stored_as(request, catalog, detector):
    """A detector that stores partitions in one of the two ways, and another client of it."""
    if request.param == "containers of arrays":
        detector.share_directory(None)
    return detector, MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


def kinds(detector):
    return [entry.kind for entry in detector.log()]


def test_what_was_published_is_what_a_reader_gets(stored_as):
    detector, reader = stored_as
    detector.edit().circle(row=22, column=31, radius=4)
    use = detector.publish(geometry(), run_uid="r1", time=100.0)
    found = reader.partition(run="r1").partition
    assert found.digest == use.partition.digest == found.read().digest
    assert np.array_equal(found.dynamic_roi_map, use.partition.dynamic_roi_map)
    assert found.record == geometry()
    assert found.requested == RECIPE
    assert not found.mask[22, 31]
    assert reader.partition().partition == found


def test_the_link_to_the_run_is_written_last(detector):
    detector.publish(geometry(), run_uid="r1")
    assert kinds(detector) == ["recipe set", "recipe resolved", "partition", "run use"]


def test_publishing_again_changes_nothing(detector, catalog):
    first = detector.publish(geometry(), run_uid="r1", first_seq_num=3, last_seq_num=5)
    before = detector.head()
    again = MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]
    second = again.publish(geometry(), run_uid="r1", first_seq_num=3, last_seq_num=5)
    assert (second.partition, second.revision) == (first.partition, first.revision)
    assert detector.head() == before


def test_a_known_partition_costs_one_entry_for_the_next_run(detector):
    first = detector.publish(geometry(), run_uid="r1")
    before = detector.head()
    second = detector.publish(geometry(), run_uid="r2")
    assert second.partition == first.partition
    assert detector.head() == before + 1


def test_a_mask_changed_later_gives_the_next_run_another_partition_with_the_same_edges(detector, catalog):
    first = detector.publish(geometry(), run_uid="r1")
    detector.edit().rectangle(row=0, column=0, height=30, width=30)
    restarted = MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]
    second = restarted.publish(geometry(), run_uid="r2")
    assert second.partition != first.partition
    assert second.partition.recipe == first.partition.recipe
    assert kinds(detector).count("recipe resolved") == 1
    assert detector.partition(run="r1").partition == first.partition
    assert detector.mask(run="r1").counted > detector.mask(run="r2").counted


def test_a_run_with_two_geometries_is_ambiguous_until_an_event_is_named(detector):
    near = detector.publish(geometry(5.0), run_uid="r1", first_seq_num=1, last_seq_num=3, time=10.0)
    far = detector.publish(geometry(6.0), run_uid="r1", first_seq_num=4, time=20.0)
    with pytest.raises(AmbiguousPartition, match="primary 4 to end") as raised:
        detector.partition(run="r1")
    assert len(raised.value.choices) == 2
    assert [use.partition for use in detector.partitions("r1")] == [near.partition, far.partition]
    assert detector.partition(run="r1", event=3).partition == near.partition
    assert detector.partition(run="r1", event=99).partition == far.partition
    at = datetime.fromtimestamp(15.0, tz=UTC)
    assert detector.partition(run="r1", at=at).partition == near.partition


def test_every_noted_geometry_of_a_run_can_be_asked_for(detector):
    distances = (5.0, 5.5, 6.0)
    notes = [
        GeometryNote(record=geometry(distance), first_seq_num=number, time=float(number))
        for number, distance in enumerate(distances, start=1)
    ]
    detector.note_geometries("r1", notes)
    detector.publish(geometry(6.0), run_uid="r1", first_seq_num=3)
    uses = detector.partitions("r1")
    assert [use.partition.record.distance for use in uses] == list(distances)
    assert [(use.first_seq_num, use.last_seq_num) for use in uses] == [(1, 1), (2, 2), (3, None)]
    skipped = detector.partition(run="r1", event=2).partition
    assert skipped.digest == detector.publish(geometry(5.5), run_uid="r2").partition.digest


def test_a_republished_run_answers_with_the_newest_and_keeps_the_older(detector):
    old = detector.publish(geometry(), run_uid="r1")
    detector.edit().circle(row=22, column=31, radius=9)
    new = detector.publish(geometry(), run_uid="r1", republish=True)
    assert detector.partition(run="r1").partition == new.partition != old.partition
    assert detector.partition(run="r1", revision=old.revision).partition == old.partition
    assert len(detector.partitions("r1")) == 1


def test_the_runs_of_a_partition_and_the_partition_of_a_run(detector, catalog):
    first = detector.publish(geometry(), run_uid="r1")
    detector.publish(geometry(), run_uid="r2")
    detector.publish(geometry(7.0), run_uid="r3")
    assert catalog.runs(partition=first.partition.digest) == ["r1", "r2"]


def test_the_newest_partition_and_the_one_at_a_time(detector):
    early = detector.publish(geometry(5.0), run_uid="r1", time=1000.0)
    late = detector.publish(geometry(6.0), run_uid="r2", time=2000.0)
    assert detector.partition().partition == late.partition
    at = datetime.fromtimestamp(1500.0, tz=UTC)
    assert detector.partition(at=at).partition == early.partition
    with pytest.raises(LookupError, match="no published partition"):
        detector.partition(at=datetime.fromtimestamp(1.0, tz=UTC))


def test_named_recipes_are_apart(detector):
    detector.set_recipe(PartitionRecipe(dynamic=(2, 1), static=(4, 1)), name="peak-111")
    detector.publish(geometry(), run_uid="r1")
    peak = detector.publish(geometry(), run_uid="r1", name="peak-111")
    assert detector.partition(name="peak-111", run="r1").partition == peak.partition
    assert len(detector.partitions("r1", name=None)) == 2
    assert detector.recipe(name="peak-111").dynamic == (2, 1)


def test_a_recipe_that_is_in_force_makes_no_entry(detector):
    detector.set_recipe(RECIPE)
    assert kinds(detector) == ["recipe set"]


def test_without_a_recipe_publishing_is_a_clear_error(catalog):
    detector = catalog.create_detector("other", shape=SHAPE)
    with pytest.raises(LookupError, match="no recipe 'default' is in force"):
        detector.publish(geometry(), run_uid="r1")
    assert detector.log() == []


def test_a_geometry_of_another_detector_is_refused(catalog):
    detector = catalog.create_detector("other", shape=SHAPE[::-1])
    detector.set_recipe(RECIPE)
    with pytest.raises(ValueError, match="transposed"):
        detector.publish(geometry(), run_uid="r1")


def test_an_unknown_run_is_a_clear_error(detector):
    with pytest.raises(LookupError, match="knows no run 'nobody'"):
        detector.partition(run="nobody")


def test_an_exported_file_is_the_partition(stored_as, tmp_path):
    detector, reader = stored_as
    use = detector.publish(geometry(), run_uid="r1")
    path = reader.partition(run="r1").partition.export(tmp_path / "qmap.hdf")
    assert read_qmap(path).digest == use.partition.digest


def test_a_half_written_partition_is_never_served_and_finished_by_publishing(detector, catalog):
    part = detector.publish(geometry(), run_uid="r1").partition.read()
    other = catalog.create_detector("copy", shape=SHAPE)
    other["partitions"].create_container(key=part.digest, metadata={"sealed": False})
    with pytest.raises(DamagedData, match="not finished"):
        other.stored.get(part.digest).read()
    other.share_directory(None)
    other.stored.put(part)
    assert other.stored.get(part.digest).read().digest == part.digest


def test_a_damaged_file_is_noticed(detector, catalog, server_directory):
    digest = detector.publish(geometry(), run_uid="r1").partition.digest
    (path,) = (server_directory / "partitions").rglob(f"{digest}.hdf")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    reader = MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]
    with pytest.raises(DamagedData):
        reader.partition(run="r1").partition.read()
