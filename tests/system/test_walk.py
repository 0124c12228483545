"""The containers that every request walks through are looked up once, until one of them changes."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tiled.catalog.adapter import CatalogContainerAdapter

from xpcs_mask_bluesky.server.app import SUBDIRECTORIES, build
from xpcs_mask_bluesky.server.connection import new_connection

DETECTOR = [{"name": "XPCSDetector", "version": "1"}]
RUN = [{"name": "BlueskyRun", "version": "3.0"}]


@pytest.fixture
def http(tmp_path):
    connection = new_connection(1, None)
    for name in SUBDIRECTORIES:
        (tmp_path / name).mkdir()
    headers = {"Authorization": f"Apikey {connection.key}"}
    with TestClient(build(tmp_path, connection), headers=headers) as client:
        for parent, key, specs in (
            ("", "xpcs", []),
            ("xpcs", "eiger4M", DETECTOR),
            ("xpcs/eiger4M", "log", []),
            ("xpcs/eiger4M", "partitions", []),
            ("xpcs/eiger4M/partitions", "p", []),
            ("", "raw", []),
            ("raw", "run", RUN),
        ):
            made(client, parent, key, specs)
        yield client


def made(client, parent, key, specs=(), access_tags=None):
    body = {"id": key, "structure_family": "container", "data_sources": [], "specs": list(specs)}
    body |= {"metadata": {"of": key}, "access_tags": access_tags}
    response = client.post(f"/api/v1/metadata/{parent}", json=body)
    assert response.status_code == 200, response.text


def told(client, path):
    response = client.get(f"/api/v1/metadata/{path}")
    assert response.status_code == 200, response.text
    return response.json()["data"]["attributes"]["metadata"]


def changed(client, path, metadata):
    response = client.put(f"/api/v1/metadata/{path}", json={"metadata": metadata})
    assert response.status_code == 200, response.text


@pytest.fixture
def looked_up(http, monkeypatch):
    found, original = [], CatalogContainerAdapter.lookup_adapter

    async def counted(self, segments):
        found.extend(segments)
        return await original(self, segments)

    monkeypatch.setattr(CatalogContainerAdapter, "lookup_adapter", counted)
    return found


@pytest.mark.parametrize("path", ["xpcs", "xpcs/eiger4M", "xpcs/eiger4M/log", "raw"])
def test_what_is_walked_through_is_looked_up_once(http, looked_up, path):
    assert told(http, path) == told(http, path) == {"of": path.rsplit("/", 1)[-1]}
    assert sorted(looked_up) == sorted(set(looked_up))
    looked_up.clear()
    told(http, path)
    assert not looked_up


@pytest.mark.parametrize("path", ["xpcs/eiger4M/partitions/p", "raw/run"])
def test_what_lies_below_is_looked_up_each_time(http, looked_up, path):
    told(http, path)
    told(http, path)
    assert looked_up.count(path.rsplit("/", 1)[-1]) == 2


@pytest.mark.parametrize("path", ["xpcs", "xpcs/eiger4M", "xpcs/eiger4M/log", "raw/run"])
def test_a_change_is_told_at_once(http, path):
    told(http, path)
    for number in range(3):
        changed(http, path, {"number": number})
        assert told(http, path)["number"] == number


def test_what_was_sealed_is_sealed_at_once(http):
    told(http, "xpcs")
    changed(http, "xpcs", {"sealed": True})
    assert http.put("/api/v1/metadata/xpcs", json={"metadata": {"more": 1}}).status_code == 403


def test_what_is_not_there_is_not_there_until_it_is(http):
    assert http.get("/api/v1/metadata/xpcs/lambda").status_code == 404
    made(http, "xpcs", "lambda", DETECTOR)
    assert told(http, "xpcs/lambda") == {"of": "lambda"}
