"""Partitions and Q-maps over HTTP: files for curl and correlators, arrays for any Tiled client."""

from __future__ import annotations

import asyncio

import h5py
import httpx
import numpy as np
import pytest
from tiled.adapters.hdf5 import HDF5Adapter
from tiled.client import from_uri
from tiled.client.utils import ClientError
from tiled.ndslice import NDBlock
from tiled.server.utils import EMPTY_NODE
from tiled.utils import SerializationError

from tests.system.peers import provided
from tests.system.serving_checks import (
    SHAPE,
    check_curl_gets_nxxpcs,
    check_curl_gets_the_partition,
    check_q_maps_are_computed,
    curl,
    file_address,
    geometry,
)
from tests.system.test_readers import BOOST_CORR
from xpcs_mask_bluesky import MaskCatalog, PartitionRecipe, read_qmap, write_qmap
from xpcs_mask_bluesky.server import qmaps
from xpcs_mask_bluesky.server.connection import read_connection
from xpcs_mask_bluesky.server.exporters import qmap_hdf5
from xpcs_mask_bluesky.store.clients import XPCSCommit, XPCSDetector, XPCSPartition
from xpcs_mask_bluesky.store.stored import arrays_of, metadata_of

RECIPE = PartitionRecipe(axes=("q", "phi"), dynamic=(4, 2), static=(16, 4))


@pytest.fixture
def detector(catalog):
    detector = catalog.create_detector("eiger4M", shape=SHAPE)
    detector.set_recipe(RECIPE)
    detector.edit().circle(row=22, column=31, radius=4)
    return detector


@pytest.fixture
def key(shared_catalog, server_directory):
    return read_connection(server_directory).key


@pytest.fixture
def plain(catalog, key):
    """Tiled's own client, which knows nothing of us but the entry points."""
    return from_uri(catalog.uri, api_key=key)


@pytest.fixture(params=["one file", "arrays"])
def use(request, detector):
    if request.param == "arrays":
        detector.share_directory(None)
    return detector.publish(geometry(), run_uid="r1")


def test_curl_gets_the_qmap_file_of_a_partition(catalog, key, use, tmp_path):
    check_curl_gets_the_partition(catalog.uri, key, use, tmp_path)


def test_curl_gets_nxxpcs_by_another_media_type(catalog, key, use, tmp_path):
    check_curl_gets_nxxpcs(catalog.uri, key, use, tmp_path)


def test_boost_corr_reads_what_curl_got(catalog, key, use, tmp_path):
    path = check_curl_gets_the_partition(catalog.uri, key, use, tmp_path)
    provided(BOOST_CORR).ask("boost_corr_loads.py", path, tmp_path / "result.hdf", tmp_path / "arrays.npz")
    arrays = np.load(tmp_path / "arrays.npz")
    assert np.array_equal(arrays["dynamic"].reshape(SHAPE), use.partition.dynamic_roi_map)
    assert np.array_equal(arrays["static"].reshape(SHAPE), use.partition.static_roi_map)


def test_the_registered_file_is_served_byte_for_byte(catalog, key, detector, tmp_path, server_directory):
    use = detector.publish(geometry(), run_uid="r1")
    path = check_curl_gets_the_partition(catalog.uri, key, use, tmp_path)
    assert path.read_bytes() == (server_directory / "partitions" / f"{use.digest}.hdf").read_bytes()


def test_no_file_without_the_key(catalog, use, tmp_path):
    for wrong in (None, "0" * 64):
        assert curl(file_address(catalog.uri, use.path), wrong, tmp_path / "answer") == 401
        assert use.digest.encode() not in (tmp_path / "answer").read_bytes()


def test_a_partition_that_is_not_finished_is_not_served(catalog, key, detector, plain, tmp_path):
    part = detector.publish(geometry(), run_uid="r1").partition.read()
    half = catalog.create_detector("copy", shape=SHAPE)
    half["partitions"].create_container(key=part.digest, metadata={"sealed": False}, specs=["XPCSPartition"])
    address = file_address(catalog.uri, f"{catalog.path}/copy/partitions/{part.digest}")
    assert curl(address, key, tmp_path / "answer") == 406
    assert "not finished" in (tmp_path / "answer").read_text()


def test_a_partition_whose_arrays_are_of_another_is_not_served(catalog, key, detector, tmp_path):
    part = detector.publish(geometry(), run_uid="r1").partition.read()
    detector.edit().rectangle(row=10, column=10, height=9, width=9)
    other = detector.publish(geometry(), run_uid="r2").partition.read()
    node = catalog.create_detector("copy", shape=SHAPE)["partitions"].create_container(
        key=part.digest, metadata=metadata_of(part) | {"sealed": False}, specs=["XPCSPartition"]
    )
    for name, array in arrays_of(other).items():
        node.write_array(array, key=name)
    node.update_metadata({"sealed": True})
    address = file_address(catalog.uri, f"{catalog.path}/copy/partitions/{part.digest}")
    assert curl(address, key, tmp_path / "answer") == 406
    assert "damaged" in (tmp_path / "answer").read_text()


def test_an_exporter_hands_out_nothing_that_the_filter_takes_away(detector, tmp_path):
    path = write_qmap(detector.publish(geometry(), run_uid="r1").partition.read(), tmp_path / "q.hdf")
    node = HDF5Adapter.from_uris(path.as_uri())

    async def everything(node):
        return node

    async def nothing(node):
        return EMPTY_NODE

    assert asyncio.run(qmap_hdf5("", node, {"sealed": True}, everything)) == path.read_bytes()
    with pytest.raises(SerializationError, match="credentials"):
        asyncio.run(qmap_hdf5("", node, {"sealed": True}, nothing))


@pytest.mark.parametrize("grazing", [{}, {"incident_angle": 0.14}], ids=["transmission", "reflection"])
def test_the_server_computes_the_q_map(catalog, detector, plain, grazing):
    record = geometry(**grazing)
    detector.publish(record, run_uid="r1")
    check_q_maps_are_computed(plain, f"{catalog.path}/eiger4M", record)


def test_nothing_of_a_q_map_is_stored(detector, server_directory):
    before = sum(path.stat().st_size for path in (server_directory / "data").rglob("*") if path.is_file())
    node = detector.qmaps.node(geometry(7.5))
    assert node["q"].read().nbytes == 60 * 80 * 8
    after = sum(path.stat().st_size for path in (server_directory / "data").rglob("*") if path.is_file())
    assert after == before


def test_a_map_that_comes_in_several_blocks_is_the_same(monkeypatch):
    monkeypatch.setattr(qmaps, "CHUNK_BYTES", 7 * 80 * 8)
    node = type("Node", (), {"metadata_": {}, "specs": []})
    record = geometry()
    adapter = qmaps.QMapAdapter.from_catalog(None, node, record=record.model_dump(mode="json"))["q"]
    rows = adapter.structure().chunks[0]
    assert rows == (7,) * 8 + (4,)
    blocks = [adapter.read_block(NDBlock((number, 0))) for number in range(len(rows))]
    assert np.array_equal(np.concatenate(blocks), adapter.read())


def test_a_q_map_cannot_be_changed_and_tells_nothing_without_the_key(catalog, detector, plain):
    detector.publish(geometry(), run_uid="r1")
    path = f"{catalog.path}/eiger4M/qmaps/{geometry().digest}"
    node = plain[path]
    changes = (
        lambda: node.update_metadata({"sealed": False}),
        lambda: node.create_container("child"),
        node.delete,
    )
    for change in changes:
        with pytest.raises(ClientError, match="403"):
            change()
    with pytest.raises(ClientError):
        node["q"].write(np.zeros(SHAPE))
    for route in ("array/full", "array/block", "metadata", "zarr"):
        address = f"/zarr/v3/{path}/q/c/0/0" if route == "zarr" else f"/api/v1/{route}/{path}/q"
        answer = httpx.get(catalog.uri.rstrip("/") + address, params={"block": "0,0"}, trust_env=False)
        assert answer.status_code in {401, 404}, route


def test_a_server_without_our_adapter_is_said_and_publishing_goes_on(catalog, detector, monkeypatch):
    monkeypatch.setattr("xpcs_mask_bluesky.store.qmap_node.MIMETYPE", "application/x-unknown")
    use = detector.publish(geometry(8.0), run_uid="r1")
    assert use.partition.read().digest == use.digest
    with pytest.raises(LookupError, match=r"facility\.yml"):
        detector.qmaps.node(geometry(8.0))


def test_every_node_of_ours_is_our_class_for_a_plain_client(catalog, plain, use):
    assert type(plain[catalog.path]["eiger4M"]) is type(catalog["eiger4M"]) is XPCSDetector
    assert type(plain[use.path]) is XPCSPartition
    newest = plain[catalog.path]["eiger4M"]["log"].values().last()
    assert type(newest) is XPCSCommit
    assert newest.entry.kind == "run use"
    assert newest.run_uid == "r1"
    assert newest.partition_path == use.path
    assert "run use" in repr(newest)


def test_a_partition_node_reads_and_exports_itself(plain, use, tmp_path):
    node = plain[use.path]
    assert node.read().digest == use.digest
    node.export(tmp_path / "qmap.of.my.run.hdf")
    assert read_qmap(tmp_path / "qmap.of.my.run.hdf").digest == use.digest


@pytest.mark.parametrize("of", ["node", "partition", "use"])
def test_the_suffix_nxs_asks_for_nxxpcs(plain, use, tmp_path, of):
    path = tmp_path / "masks.nxs"
    {"node": plain[use.path], "partition": use.partition, "use": use}[of].export(path)
    with h5py.File(path) as file:
        labels = file["/entry/instrument/masks/dynamic_roi_map"][()]
    assert np.array_equal(labels, use.partition.dynamic_roi_map)


def test_a_plain_client_does_all_that_the_catalogue_does(catalog, plain, detector, tmp_path):
    ours = plain[catalog.path]["eiger4M"]
    with ours.edit(author="analyst") as edit:
        edit.rectangle(row=5, column=5, height=4, width=4)
    ours.set_recipe(RECIPE)
    use = ours.publish(geometry(5.5), run_uid="r9")
    assert ours.mask() == detector.mask()
    assert detector.partition(run="r9").partition.read().digest == use.digest
    assert not (ours.partition(run="r9").partition.export(tmp_path / "q.hdf")).samefile(tmp_path)
    assert ours.republish("r9")[0].revision == use.revision
    assert MaskCatalog.open(plain, path=catalog.path).runs(partition=use.digest) == ["r9"]
