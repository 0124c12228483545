"""From a run to its partitions and back, through Tiled's and databroker's clients; republishing."""

from __future__ import annotations

import logging

import pytest
from bluesky import RunEngine
from bluesky.plans import count
from databroker import Broker
from databroker.client import BlueskyRun
from ophyd.sim import det
from tiled.client.container import DEFAULT_STRUCTURE_CLIENT_DISPATCH

from tests.system.serving_checks import SHAPE, geometry
from tests.system.test_catalog import free_port
from xpcs_mask_bluesky import AmbiguousPartition, MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.store.uses import GeometryNote

RECIPE = PartitionRecipe(axes=("q", "phi"), dynamic=(4, 2), static=(16, 4))


@pytest.fixture(scope="module", autouse=True)
def clients_as_before():
    """Broker lets the clients of the whole process answer as version 2, which other tests do not expect."""
    before = {name: each["BlueskyRun"] for name, each in DEFAULT_STRUCTURE_CLIENT_DISPATCH.items()}
    yield
    for name, client in before.items():
        DEFAULT_STRUCTURE_CLIENT_DISPATCH[name].set("BlueskyRun", lambda client=client: client)


@pytest.fixture
def detector(catalog):
    detector = catalog.create_detector("eiger4M", shape=SHAPE)
    detector.set_recipe(RECIPE)
    return detector


@pytest.fixture
def uids(catalog):
    """Two runs in Tiled."""
    engine = RunEngine({}, call_returns_result=False, context_managers=[])
    engine.subscribe(catalog.tiled_writer())
    return [engine(count([det]), **catalog.md())[0] for _ in range(2)]


def test_runs_of_both_clients_lead_to_their_partition_and_back(catalog, detector, uids):
    use = detector.publish(geometry(), run_uid=uids[0])
    detector.publish(geometry(), run_uid=uids[1])
    of_tiled, broker = catalog.client[catalog.raw][uids[0]], Broker(catalog.client[catalog.raw])
    assert isinstance(of_tiled, BlueskyRun)
    for run in (uids[0], of_tiled, broker[uids[0]]):
        assert detector.partition(run=run).digest == use.digest
        assert [each.digest for each in detector.partitions(run=run)] == [use.digest]
    back = catalog.runs(partition=use.digest)
    assert back == uids
    assert [catalog.client[catalog.raw][uid].start["uid"] for uid in back] == uids
    assert [broker[uid].start["uid"] for uid in back] == uids


def test_a_run_of_several_geometries_is_ambiguous_whichever_client_it_comes_from(catalog, detector, uids):
    detector.publish(geometry(5.0), run_uid=uids[0], first_seq_num=1)
    detector.publish(geometry(6.0), run_uid=uids[0], first_seq_num=2)
    run = Broker(catalog.client[catalog.raw])[uids[0]]
    with pytest.raises(AmbiguousPartition):
        detector.partition(run=run)
    assert [use.partition.record.distance for use in detector.partitions(run=run)] == [5.0, 6.0]


def test_what_is_no_run_is_a_clear_error(detector):
    with pytest.raises(TypeError, match="expected a uid"):
        detector.partition(run=3)


def test_the_paths_are_metadata_of_a_run(catalog, detector):
    assert catalog.md()["xpcs_mask"]["detectors"]["eiger4M"]["partitions"] == {}
    use = detector.publish(geometry(), run_uid="earlier")
    engine = RunEngine({}, call_returns_result=False, context_managers=[])
    engine.subscribe(catalog.tiled_writer())
    (uid,) = engine(count([det]), **catalog.md())
    said = catalog.client[catalog.raw][uid].metadata["start"]["xpcs_mask"]
    assert said["path"] == catalog.path
    paths = said["detectors"]["eiger4M"]
    assert paths["partitions"] == {"default": use.path}
    assert catalog.client[paths["partitions"]["default"]].read().digest == use.digest
    assert catalog.client[paths["log"]].values().last().entry.seq >= use.revision


def test_without_a_server_the_metadata_tell_the_path_alone(caplog):
    catalog = MaskCatalog.open(f"http://127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING):
        assert catalog.md() == {"xpcs_mask": {"path": "xpcs"}}
    assert "path of the catalogue only" in caplog.text


def test_a_republished_run_answers_with_the_newest_and_keeps_both(detector):
    old = detector.publish(geometry(), run_uid="r1", first_seq_num=1, last_seq_num=4)
    other = detector.publish(geometry(6.0), run_uid="r1", first_seq_num=5)
    detector.edit().rectangle(row=10, column=10, height=9, width=9)
    assert detector.partition(run="r1", event=1).digest == old.digest
    new = detector.republish(run="r1")
    assert [(use.first_seq_num, use.last_seq_num) for use in new] == [(1, 4), (5, None)]
    assert detector.partition(run="r1", event=1).digest == new[0].digest != old.digest
    assert not new[0].partition.mask[10, 10]
    pinned = detector.partitions(run="r1", revision=other.revision)
    assert [use.digest for use in pinned] == [old.digest, other.digest]
    head = detector.head()
    assert [use.digest for use in detector.republish(run="r1")] == [use.digest for use in new]
    assert detector.head() == head


def test_the_newest_partition_as_of_a_revision(detector):
    old = detector.publish(geometry(), run_uid="r1")
    detector.edit().circle(row=22, column=31, radius=9)
    new = detector.publish(geometry(), run_uid="r2")
    assert detector.partition().digest == new.digest
    assert detector.partition(revision=old.revision).digest == old.digest


def test_a_run_is_republished_with_a_new_recipe_for_the_named_one_only(detector):
    detector.set_recipe(RECIPE, name="peak")
    detector.publish(geometry(), run_uid="r1")
    peak = detector.publish(geometry(), run_uid="r1", name="peak")
    detector.set_recipe(PartitionRecipe(dynamic=(3, 1), static=(6, 1)))
    detector.set_recipe(PartitionRecipe(dynamic=(3, 1), static=(6, 1)), name="peak")
    detector.republish(run="r1", name="default")
    assert detector.partition(run="r1").partition.num_pts == (3, 1)
    assert detector.partition(run="r1", name="peak").digest == peak.digest


def test_a_run_that_was_only_noted_is_published_by_republishing(detector):
    detector.note_geometries("r1", [GeometryNote(record=geometry(4.0 + n), first_seq_num=n) for n in (1, 2)])
    uses = detector.republish(run="r1")
    assert [use.partition.record.distance for use in uses] == [5.0, 6.0]
    assert len(detector.log("run use")) == 1


def test_an_unknown_run_cannot_be_republished(detector):
    with pytest.raises(LookupError, match="nobody"):
        detector.republish(run="nobody")
