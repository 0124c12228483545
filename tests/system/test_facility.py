"""A facility's Tiled: two replicas over PostgreSQL and Redis are one catalogue."""

from __future__ import annotations

import subprocess
import sys
import threading

import httpx
import pytest
from bluesky import RunEngine
from bluesky.plans import count

from tests.system.roles import client
from tests.system.routes import GRAPHQL, NONE, WEBHOOKS, declared, known, prepare, rows, single, told, walked
from tests.system.services import facility as running_facility
from tests.system.serving_checks import (
    check_curl_gets_nxxpcs,
    check_curl_gets_the_partition,
    check_q_maps_are_computed,
    curl,
    file_address,
)
from xpcs_mask_bluesky import (
    Conflict,
    GeometryRecord,
    GeometrySource,
    MaskCatalog,
    PartitionCallback,
    PartitionRecipe,
)
from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline
from xpcs_mask_bluesky.store.log import Draft

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
ENTRIES_EACH = 15
WRITER = f"""
import os, sys
from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.store.log import Draft
detector = MaskCatalog.open(sys.argv[1], path=sys.argv[2], api_key=os.environ["WRITER_KEY"])["det"]
for number in range({ENTRIES_EACH}):
    detector.commits.append(Draft(kind="note", body={{"who": sys.argv[3]}}), since=0)
"""


@pytest.fixture(scope="module")
def facility(tmp_path_factory):
    with running_facility(tmp_path_factory.mktemp("facility")) as running:
        yield running


@pytest.fixture
def replicas(facility, request):
    """The same catalogue through each replica."""
    catalogs = [
        MaskCatalog.open(uri, path=request.node.originalname[:60], api_key=facility.key)
        for uri in facility.uris
    ]
    yield catalogs
    for catalog in catalogs:
        catalog.close()


def test_four_writers_on_two_replicas_leave_no_number_out(facility, replicas, monkeypatch):
    detector = replicas[0].create_detector("det", shape=SHAPE)
    monkeypatch.setenv("WRITER_KEY", facility.key)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, facility.uris[number % 2], replicas[0].path, str(number)]
        )
        for number in range(4)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0, 0]
    entries = detector.log()
    assert [entry.seq for entry in entries] == list(range(1, 4 * ENTRIES_EACH + 1))
    for number in range(4):
        assert sum(entry.body["who"] == str(number) for entry in entries) == ENTRIES_EACH


def test_what_one_replica_took_the_other_serves(replicas):
    here = replicas[0].create_detector("det", shape=SHAPE)
    here.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
    here.edit().circle(row=22, column=31, radius=4)
    published = here.publish(RECORD, run_uid="r1").partition
    there = replicas[1]["det"]
    assert there.partition(run="r1").partition.read().digest == published.digest
    assert there.mask() == here.mask()
    assert replicas[1].runs(partition=published.digest) == ["r1"]


def test_two_people_on_two_replicas_lose_no_edit(replicas):
    here, there = (catalog.create_detector("det", shape=SHAPE) for catalog in replicas)
    mine = here.edit("me")
    mine.__enter__()
    mine.circle(row=1, column=1, radius=1)
    there.edit("Ada").rectangle(row=4, column=4, height=2, width=2)
    with pytest.raises(Conflict, match="Ada has meanwhile committed"):
        mine.__exit__(None, None, None)
    assert len(there.log("mask")) == 1


def test_a_commit_through_one_replica_reaches_a_subscriber_of_the_other(replicas):
    here = replicas[0].create_detector("det", shape=SHAPE)
    heard, arrived = [], threading.Event()

    def hear(update):
        heard.append(update.key)
        arrived.set()

    subscription = replicas[1]["det"]["log"].subscribe()
    subscription.child_created.add_callback(hear)
    with subscription.start_in_thread(1):
        here.commits.append(Draft(kind="note"), since=0)
        assert arrived.wait(20)
    assert heard == ["00000001"]


def test_a_run_recorded_through_one_replica_has_its_partition_in_the_other(replicas, facility, tmp_path):
    beamline = SimulatedBeamline(tmp_path / "frames")
    catalog = replicas[0]
    run_engine = RunEngine({})
    source = GeometrySource.preset("xpcs-sim", detector=beamline.detector.name)
    recipe = PartitionRecipe(dynamic=(4, 1), static=(16, 4))
    callback = PartitionCallback(catalog, spool=tmp_path / "spool")
    callback.watch(beamline.detector.name, source=source, recipe=recipe)
    run_engine.subscribe(callback)
    (uid,) = run_engine(count([beamline.detector]))
    assert callback.close(60)
    assert replicas[1][beamline.detector.name].partition(run=uid).partition.read()


def test_partitions_are_files_for_curl_and_q_maps_are_computed_by_each_replica(replicas, facility, tmp_path):
    here = replicas[0].create_detector("det", shape=SHAPE)
    here.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
    use = here.publish(RECORD, run_uid="r1")
    for uri, catalog in zip(facility.uris, replicas, strict=True):
        check_curl_gets_the_partition(uri, facility.key, use, tmp_path)
        check_curl_gets_nxxpcs(uri, facility.key, use, tmp_path)
        check_q_maps_are_computed(catalog.client, f"{catalog.path}/det", RECORD)
        assert curl(file_address(uri, use.path), None, tmp_path / "answer") == 401


@pytest.mark.parametrize(
    "path", ["/api/v1/search/", "/api/v1/metadata/", "/zarr/v2/.zattrs", "/zarr/v3/zarr.json"]
)
def test_a_replica_tells_nothing_without_the_key(facility, path):
    for uri in facility.uris:
        assert httpx.get(uri + path, trust_env=False).status_code in {401, 404}


def test_every_route_of_a_replica_answers_whom_it_should(facility):
    uri = facility.uris[0]
    with MaskCatalog.open(uri, path="walk", api_key=facility.key) as catalog:
        digest = prepare(catalog)
    for role, key in ((NONE, None), ("key", facility.key)):
        with client(uri, key) as http:
            assert declared(http) == known(rows() + WEBHOOKS)
            assert walked(http, digest, role, single(rows() + WEBHOOKS)) == []
            assert told(http) == [role == "key"] * len(GRAPHQL)


def test_a_key_in_an_address_is_not_in_a_replicas_log(facility):
    for path in ("/api/v1/", "/api/v1/search/"):
        httpx.get(facility.uris[0] + path, params={"api_key": facility.key}, trust_env=False)
    said = facility.logs[0].read_text()
    assert "api_key=***" in said
    assert facility.key not in said


def test_no_key_is_in_a_replicas_log(facility):
    said = [log.read_text() for log in facility.logs]
    assert all("GET" in each for each in said)
    assert not any(facility.key in each for each in said)
