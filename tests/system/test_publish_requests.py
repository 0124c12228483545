"""What a publication asks the server, and what it may not overlook by asking little."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.system.serving_checks import SHAPE, geometry
from xpcs_mask_bluesky import MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.store.made import EDGES_REMEMBERED

RECIPE = PartitionRecipe(axes=("q", "phi"), dynamic=(4, 2), static=(16, 4))


def at(distance):
    return geometry().model_copy(update={"distance": distance})


@pytest.fixture
def detector(catalog):
    detector = catalog.create_detector("eiger4M", shape=SHAPE)
    detector.set_recipe(RECIPE)
    detector.publish(at(5.0), run_uid="first")  # after it, nothing is asked for the first time
    return detector


@pytest.fixture
def other(catalog, detector):
    """Another client, which this process' own knows nothing of."""
    return MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


@pytest.fixture
def asked(detector):
    """The requests that the detector's client makes."""
    found = []
    hooks = detector.context.http_client.event_hooks
    hook = lambda request: found.append((request.method, request.url.path.rsplit("/", 1)[-1]))  # noqa: E731
    detector.context.http_client.event_hooks = {**hooks, "request": [*hooks["request"], hook]}
    yield found
    detector.context.http_client.event_hooks = hooks


def test_a_new_geometry_is_asked_for_once_and_written_in_five_requests(detector, asked):
    detector.publish(at(5.1), run_uid="second")
    written = [place for method, place in asked if method == "POST"]
    assert sorted(written[:2]) == ["log", "partitions"]  # the edges, and what was made by them
    assert written[2:] == ["log", "log", "qmaps"]  # what names a partition comes after it
    assert [method for method, _ in asked].count("GET") <= 2


def test_a_geometry_that_stands_costs_the_next_run_two_requests(detector, asked):
    detector.publish(at(5.0), run_uid="second")
    assert [method for method, _ in asked] == ["GET", "POST"]


def test_a_mask_that_another_client_has_just_changed_is_not_overlooked(detector, other):
    with other.edit() as mask:
        mask.circle(row=22, column=31, radius=4)
    part = detector.publish(at(5.2), run_uid="second").partition
    assert not part.mask[22, 31]
    assert other.partition(run="second").mask_revision == other.state.latest().mask_revision


def test_a_known_geometry_is_not_linked_under_a_mask_that_another_client_has_replaced(detector, other):
    with other.edit() as mask:
        mask.circle(row=22, column=31, radius=4)
    assert not detector.publish(at(5.0), run_uid="second").partition.mask[22, 31]


def test_a_recipe_that_another_client_has_just_named_is_known(detector, other):
    other.set_recipe(RECIPE.model_copy(update={"dynamic": (2, 2)}), name="coarse")
    assert detector.publish(at(5.0), run_uid="second", name="coarse").partition.dynamic.num_pts == (2, 2)


def test_a_refusal_counts_under_the_newest_mask_only(detector, other):
    with detector.edit() as mask:
        mask.rectangle(row=30, column=40, height=500, width=500)
    with pytest.raises(ValueError, match="no pixel"):
        detector.publish(at(5.3), run_uid="second")
    with other.edit() as mask:
        mask.undo()
    assert detector.publish(at(5.3), run_uid="second").partition.mask.any()


def test_edges_stay_where_they_are_after_many_geometries(detector):
    edges = detector.partition(run="first").partition.recipe.edges
    for number in range(EDGES_REMEMBERED + 2):
        detector.publish(at(6.0 + number / 10), run_uid="many", first_seq_num=number + 1)
    assert not hasattr(detector.state.latest(), "resolved")
    with detector.edit() as mask:  # data-driven edges would follow it
        mask.rectangle(row=0, column=0, height=40, width=40)
    again = detector.publish(at(5.0), run_uid="second").partition
    assert again.recipe.edges == edges
    assert detector.log("recipe resolved")[0].inputs["geometry"] == at(5.0).digest


def test_two_that_publish_the_same_at_once_make_one_partition_and_one_link_each(detector, other):
    barrier = threading.Barrier(2)

    def publish(client, run_uid):
        barrier.wait(20)
        for number in range(4):
            client.publish(at(7.0 + number), run_uid=run_uid, first_seq_num=number + 1)

    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(publish, *each) for each in ((detector, "run-a"), (other, "run-b"))]
    for each in both:
        each.result()
    uses = [detector.partitions(run=run) for run in ("run-a", "run-b")]
    assert [use.digest for use in uses[0]] == [use.digest for use in uses[1]]
    entries = detector.log()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    resolved = [entry.inputs["geometry"] for entry in entries if entry.kind == "recipe resolved"]
    assert len(resolved) == len(set(resolved))
    assert np.array_equal(uses[0][0].partition.static_roi_map, uses[1][0].partition.static_roi_map)
