"""The embedded server is private: what has no key learns and changes nothing."""

from __future__ import annotations

import secrets
import stat

import httpx
import numpy as np
import pytest

from xpcs_mask_bluesky.server.connection import (
    CONNECTION_FILE,
    LOG_FILE,
    Connection,
    read_connection,
)
from xpcs_mask_bluesky.server.embedded import answers

SECRET = "name-that-nobody-may-learn"


@pytest.fixture(scope="module")
def connection(shared_catalog, server_directory):
    container = shared_catalog.client.create_container(key=SECRET, metadata={"sealed": False})
    container.write_array(np.full((3, 4), 77, dtype=np.uint8), key="array")
    found = read_connection(server_directory)
    assert found is not None
    return found


@pytest.fixture
def http(connection):
    with httpx.Client(
        base_url=connection.uri,
        trust_env=False,
        timeout=20,
        limits=httpx.Limits(max_keepalive_connections=0),
    ) as client:
        yield client


def routes(http):
    """Every path that the server declares, with its parameters filled in."""
    described = http.get("/openapi.json").json()["paths"]
    for path, methods in described.items():
        filled = path.replace("{path}", SECRET).replace("{tail_path}", SECRET)
        for name in ("uuid", "id", "first_eight", "session_id", "provider", "webhook_id"):
            filled = filled.replace(f"{{{name}}}", "1")
        for method in methods:
            yield method.upper(), filled


def test_no_route_tells_anything_without_a_key(http):
    walked = list(routes(http))
    assert len(walked) > 40
    for method, path in walked:
        response = http.request(method, path, json={})
        assert SECRET not in response.text.replace(path, "").replace(f"['{SECRET}']", ""), path
        if path.startswith("/api/v1/") and path != "/api/v1/":
            assert response.status_code >= 400, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        f"/zarr/v2/{SECRET}/array/.zarray",
        f"/zarr/v2/{SECRET}/.zattrs",
        f"/zarr/v2/{SECRET}/array/0.0",
        f"/zarr/v3/{SECRET}/array/zarr.json",
        f"/zarr/v3/{SECRET}/array/c/0/0",
        f"/api/v1/metadata/{SECRET}",
        f"/api/v1/search/{SECRET}",
        f"/api/v1/array/full/{SECRET}/array",
        f"/api/v1/container/full/{SECRET}",
    ],
)
def test_data_routes_answer_only_with_the_key(http, connection, path):
    assert http.get(path).status_code in {401, 404}
    with_key = http.get(path, headers={"Authorization": f"Apikey {connection.key}"})
    assert with_key.status_code != 401
    wrong = http.get(path, headers={"Authorization": f"Apikey {secrets.token_hex(32)}"})
    assert wrong.status_code in {401, 403, 404}


def test_a_key_opens_what_no_key_opened(http, connection):
    path = f"/zarr/v2/{SECRET}/array/.zarray"
    header = {"Authorization": f"Apikey {connection.key}"}
    assert http.get(path, headers=header).json()["shape"] == [3, 4]


def test_graphql_knows_nothing_and_writes_nothing_without_a_key(http, connection, shared_catalog):
    ask = {"query": "{ entities(limit: 10) { id name } namespaces { prefix uri } }"}
    make = {
        "query": 'mutation { createEntity(input: {name: "x", entityType: "y"}) { id } }',
    }
    for question in (ask, make):
        answer = http.post("/api/graphql", json=question)
        data = answer.json().get("data") or {}
        assert not any(data.values()), answer.text


def test_a_key_in_the_url_or_in_a_cookie_is_refused(http, connection):
    assert http.get("/api/v1/metadata/", params={"api_key": connection.key}).status_code == 400
    cookie = {"Cookie": f"tiled_api_key={connection.key}"}
    assert http.get("/api/v1/metadata/", headers=cookie).status_code == 400


def test_the_key_is_in_no_log_and_no_repr(connection, server_directory, shared_catalog):
    assert connection.key not in (server_directory / LOG_FILE).read_text()
    assert connection.key not in repr(connection)
    assert connection.key not in repr(shared_catalog)
    assert len(bytes.fromhex(connection.key)) == 32


def test_only_the_owner_reads_the_connection_file(server_directory, connection):
    mode = stat.S_IMODE((server_directory / CONNECTION_FILE).stat().st_mode)
    assert mode == 0o600
    assert connection.uri.startswith("http://127.0.0.1:")


def test_a_server_without_the_key_is_not_trusted(connection):
    assert answers(connection)
    stranger = Connection(uri=connection.uri, key="0" * 64, catalogue=connection.catalogue)
    assert not answers(stranger)


def test_sealed_nodes_do_not_change(shared_catalog):
    from tiled.client.utils import ClientError

    node = shared_catalog.client.create_container(metadata={"sealed": True})
    with pytest.raises(ClientError, match="403"):
        node.update_metadata({"sealed": False})
    with pytest.raises(ClientError, match="403"):
        node.create_container("child")


def test_nothing_can_be_deleted(shared_catalog):
    from tiled.client.utils import ClientError

    node = shared_catalog.client.create_container(metadata={})
    with pytest.raises(ClientError, match="403"):
        node.delete()


def test_a_recorded_run_is_served_as_its_documents(catalog):
    from bluesky import RunEngine
    from bluesky.plans import count
    from ophyd.sim import det

    engine = RunEngine({}, call_returns_result=False)
    engine.subscribe(catalog.tiled_writer())
    (uid,) = engine(count([det], num=2))
    documents = list(catalog.client[catalog.raw][uid].documents())
    assert documents[0][0] == "start"
    assert sum(doc["data"].get("det") is not None for name, doc in documents if name == "event") == 2
