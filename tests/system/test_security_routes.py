"""Every route of every server of ours, asked without credentials and with the key of each role."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.system.roles import AUTH, client
from tests.system.routes import (
    ALL,
    GRAPHQL,
    HIDDEN,
    NOBODY,
    NONE,
    READ,
    WEBHOOKS,
    Row,
    declared,
    known,
    prepare,
    rows,
    single,
    told,
    walked,
)
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.server.app import build
from xpcs_mask_bluesky.server.connection import new_connection, read_connection

HELLO = {"params": {"nonce": "1"}}
HELLOS = [
    Row("GET", "/custom/xpcs-mask/hello", ALL, sent=HELLO),
    Row("GET", "/api/v1/xpcs-mask/hello", ALL, sent=HELLO),
]
WEBSOCKET = "/api/v1/stream/single/{path:path}"
PERSON = "/api/v1/auth/principal/{uuid}"
USERS = [
    Row(
        "POST", f"{AUTH}/provider/facility/token", NOBODY, sent={"data": {"username": "ada", "password": "1"}}
    ),
    Row("GET", f"{AUTH}/principal", NOBODY),
    Row("POST", f"{AUTH}/principal", NOBODY, sent={"params": {"role": "admin"}}),
    Row("GET", PERSON, NOBODY, "0" * 32),
    Row("DELETE", f"{PERSON}/apikey", NOBODY, "0" * 32, sent={"params": {"first_eight": "0" * 8}}),
    Row("POST", f"{PERSON}/apikey", NOBODY, "0" * 32, sent={"json": {"scopes": None, "expires_in": 1}}),
    Row("POST", f"{AUTH}/session/refresh", NOBODY, sent={"json": {"refresh_token": "x"}}),
    Row("POST", f"{AUTH}/session/revoke", NOBODY, sent={"json": {"refresh_token": "x"}}),
    Row("DELETE", f"{AUTH}/session/revoke/{{session_id}}", NOBODY, "0" * 32),
    Row("POST", f"{AUTH}/apikey", NOBODY, sent={"json": {"scopes": None, "expires_in": 1}}),
    Row("GET", f"{AUTH}/apikey", READ),
    Row("DELETE", f"{AUTH}/apikey", NOBODY, sent={"params": {"first_eight": "0" * 8}}),
    Row("GET", f"{AUTH}/whoami", ALL),
    Row("POST", f"{AUTH}/logout", ALL),
]


@pytest.fixture(scope="module")
def embedded(shared_catalog, server_directory):
    with MaskCatalog.open(server_directory, path="walk") as catalog:
        digest = prepare(catalog)
        yield read_connection(server_directory), digest


@pytest.fixture(scope="module")
def of_users(users, keys):
    with MaskCatalog.open(users.uris[0], path="walk", api_key=keys["staff"]) as catalog:
        return prepare(catalog)


def test_every_route_of_the_embedded_server_is_in_the_table(embedded):
    connection, _ = embedded
    with client(connection.uri) as http:
        assert declared(http) == known(rows() + HELLOS)


def test_no_route_is_hidden_from_the_description():
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for name in ("data", "frames", "partitions"):
            (place / name).mkdir()
        app = build(place, new_connection(1, None))
    described = set(app.openapi()["paths"])
    hidden = {path for path in paths(app.routes) if path.replace(":path}", "}") not in described}
    assert hidden == HIDDEN | {"/static", WEBSOCKET}


def paths(routes, prefix=""):
    """Yield the paths of all routes; recent FastAPI keeps those of an included router in it."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from paths(route.original_router.routes, route.include_context.prefix)
        elif hasattr(route, "path"):
            yield prefix + route.path


@pytest.mark.parametrize("role", [NONE, "key"])
def test_the_embedded_server_answers_whom_it_should(embedded, role):
    connection, digest = embedded
    with client(connection.uri, connection.key if role == "key" else None) as http:
        assert walked(http, digest, role, single(rows() + HELLOS)) == []
        assert told(http) == [role == "key"] * len(GRAPHQL)


@pytest.mark.parametrize("role", sorted(ALL))
def test_a_facility_with_users_answers_each_role_what_it_should(users, keys, of_users, role):
    running, digest = users, of_users
    with client(running.uris[0], keys.get(role)) as http:
        assert declared(http) == known(rows() + USERS + WEBHOOKS) - {("POST", f"{AUTH}/logout")}
        assert walked(http, digest, role, rows() + USERS + WEBHOOKS) == []
        assert told(http) == [role in who for _, who in GRAPHQL]
