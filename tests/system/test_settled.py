"""A server of ours has one set of settings, and looks for no others at each request."""

from __future__ import annotations

import pytest
from fastapi.dependencies import utils
from starlette.testclient import TestClient
from tiled.server.settings import get_settings

from xpcs_mask_bluesky.server.app import SUBDIRECTORIES, build
from xpcs_mask_bluesky.server.connection import new_connection
from xpcs_mask_bluesky.server.settled import settle

WALK = "/api/v1/metadata/"


@pytest.fixture
def connection():
    return new_connection(1, None)


@pytest.fixture
def app(tmp_path, connection):
    for name in SUBDIRECTORIES:
        (tmp_path / name).mkdir()
    return build(tmp_path, connection)


@pytest.fixture
def read(monkeypatch):
    """The functions whose signatures FastAPI has read since."""
    found, original = [], utils.get_dependant

    def counted(**arguments):
        found.append(arguments["call"])
        return original(**arguments)

    monkeypatch.setattr(utils, "get_dependant", counted)
    return found


def asked(app, key):
    with TestClient(app) as client:
        return client.get(WALK, headers={"Authorization": f"Apikey {key}"}).status_code


def test_a_request_reads_no_signatures_once_the_settings_are_settled(app, connection, read):
    assert asked(app, connection.key) == 200
    assert read  # Tiled as it comes: the law is not empty
    read.clear()
    assert settle(app)
    assert asked(app, connection.key) == 200
    assert not read


def test_settled_settings_are_those_of_the_server(app, connection):
    assert settle(app)
    assert asked(app, "another key") == 401
    assert asked(app, connection.key) == 200


def test_an_application_with_overrides_of_others_is_left_as_it_is(app, connection):
    app.dependency_overrides[utils.get_dependant] = lambda: None
    assert not settle(app)
    assert app.dependency_overrides
    del app.dependency_overrides[utils.get_dependant]
    app.dependency_overrides[get_settings] = lambda: get_settings().model_copy()
    assert not settle(app)
