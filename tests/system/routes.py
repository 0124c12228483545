"""Every route of our servers, a request that it answers, and who is answered: a new one needs a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pandas

from xpcs_mask_bluesky import GeometryRecord, MaskCatalog, PartitionRecipe

NONE, READER, EDITOR, RECORDER, STAFF = "none", "reader", "editor", "recorder", "staff"
ALL = {NONE, READER, EDITOR, RECORDER, STAFF}
READ = ALL - {NONE}
WRITE = READ - {READER}
NOBODY: frozenset[str] = frozenset()
REFUSED = {400, 401, 403, 404}
DET = "walk/det"
RECORD = GeometryRecord(
    incident_energy=10.0,
    distance=5.0,
    beam_center_x=31.0,
    beam_center_y=22.0,
    x_pixel_size=75e-6,
    y_pixel_size=75e-6,
    shape=(60, 80),
)
OCTETS = {"content": b"\0" * 12, "headers": {"Content-Type": "application/octet-stream"}}
NODE = {"structure_family": "container", "metadata": {}, "specs": [], "data_sources": []}
LET_IN = {200, 500}
"""Tiled 0.2.20 fails to pack some chunks for Zarr v3; who may not read does not get that far."""
MISSING = {404, 405, 406, 415, 422}
"""What somebody with the right is told where no node of ours is of that kind."""


@dataclass(frozen=True)
class Row:
    """A route, a request to it, and the roles that are answered."""

    method: str
    route: str
    who: Iterable[str]
    path: str = ""
    """What the route's parameters are filled with."""
    answer: Iterable[int] = frozenset(range(200, 300))
    sent: Mapping[str, Any] = field(default_factory=dict)

    def send(self, http: httpx.Client) -> httpx.Response:
        """Send the request."""
        url, braces = self.route, iter(self.path.split(" "))
        while "{" in url:
            before, _, rest = url.partition("{")
            url = before + next(braces, "x") + rest.partition("}")[2]
        return http.request(self.method, url, follow_redirects=False, **self.sent)


def rows() -> list[Row]:
    """Return the table of the routes that both servers have."""
    api = "/api/v1"
    return [
        Row("GET", "/healthz", ALL),
        Row("GET", "/ui/{path}", ALL, "index.html", {200, 404}),
        Row("GET", "/", ALL),
        Row("GET", "/tiled-ui-settings", ALL),
        Row("GET", "/openapi.json", ALL),
        Row("GET", "/docs", ALL),
        Row("GET", "/docs/oauth2-redirect", ALL),
        Row("GET", "/redoc", ALL),
        Row("GET", "/favicon.ico", ALL),
        Row("GET", f"{api}/", ALL),
        Row("GET", f"{api}/search/{{path}}", READ, "walk"),
        Row("GET", f"{api}/search-deep/{{path}}", READ, "walk"),
        Row("GET", f"{api}/distinct/{{path}}", READ, "walk", sent={"params": {"metadata": "kind"}}),
        Row("GET", f"{api}/metadata/{{path}}", READ, DET),
        Row("POST", f"{api}/metadata/{{path}}", WRITE, "walk", sent={"json": NODE}),
        Row("PUT", f"{api}/metadata/{{path}}", WRITE, "walk/free", sent={"json": {"metadata": {"a": 1}}}),
        Row("PATCH", f"{api}/metadata/{{path}}", WRITE, "walk/free", sent={"json": PATCH}),
        Row("PUT", f"{api}/metadata/{{path}}", {STAFF}, DET, sent={"json": {"metadata": DET_METADATA}}),
        Row("PATCH", f"{api}/metadata/{{path}}", {STAFF}, DET, sent={"json": PATCH}),
        Row("PATCH", f"{api}/metadata/{{path}}", {STAFF}, f"{DET}/log", sent={"json": PATCH}),
        Row("PATCH", f"{api}/metadata/{{path}}", NOBODY, f"{DET}/log/00000001", sent={"json": PATCH}),
        Row("POST", f"{api}/metadata/{{path}}", NOBODY, f"{DET}/log", sent={"json": NODE}),
        Row("POST", f"{api}/metadata/{{path}}", NOBODY, f"{DET}/log/00000001", sent={"json": NODE}),
        Row("DELETE", f"{api}/metadata/{{path}}", NOBODY, "walk/free"),
        Row("GET", f"{api}/array/block/{{path}}", READ, "walk/array", sent={"params": {"block": "0,0"}}),
        Row(
            "PUT",
            f"{api}/array/block/{{path}}",
            WRITE,
            "walk/array",
            sent=OCTETS | {"params": {"block": "0,0"}},
        ),
        Row("GET", f"{api}/array/full/{{path}}", READ, "walk/array"),
        Row("GET", f"{api}/array/full/{{path}}", READ, f"{DET}/qmaps/{RECORD.digest}/q"),
        Row("PUT", f"{api}/array/full/{{path}}", WRITE, "walk/array", sent=OCTETS),
        Row("PUT", f"{api}/array/full/{{path}}", NOBODY, "walk/sealed", sent=OCTETS),
        Row("PUT", f"{api}/array/full/{{path}}", NOBODY, f"{DET}/qmaps/{RECORD.digest}/q", sent=OCTETS),
        Row("PATCH", f"{api}/array/full/{{path}}", WRITE, "walk/array", sent=OCTETS | {"params": PART}),
        Row("DELETE", f"{api}/stream/close/{{path}}", WRITE, "walk/free"),
        Row("DELETE", f"{api}/stream/close/{{path}}", NOBODY, "walk/sealed"),
        Row("GET", f"{api}/ragged/full/{{path}}", READ, "walk/none", MISSING),
        Row("PUT", f"{api}/ragged/full/{{path}}", WRITE, "walk/none", MISSING),
        Row("PATCH", f"{api}/ragged/full/{{path}}", WRITE, "walk/none", MISSING, {"params": PART}),
        Row("PUT", f"{api}/ragged/block/{{path}}", WRITE, "walk/none", MISSING, {"params": {"block": "0"}}),
        Row("GET", f"{api}/table/partition/{{path}}", READ, "walk/table", sent={"params": {"partition": 0}}),
        Row("POST", f"{api}/table/partition/{{path}}", READ, "walk/table", sent=COLUMNS),
        Row(
            "PUT",
            f"{api}/table/partition/{{path}}",
            WRITE,
            "walk/none",
            MISSING,
            {"params": {"partition": 0}},
        ),
        Row(
            "PATCH",
            f"{api}/table/partition/{{path}}",
            WRITE,
            "walk/none",
            MISSING,
            {"params": {"partition": 0}},
        ),
        Row("GET", f"{api}/table/full/{{path}}", READ, "walk/table"),
        Row("POST", f"{api}/table/full/{{path}}", READ, "walk/table", sent={"json": ["a"]}),
        Row("PUT", f"{api}/table/full/{{path}}", WRITE, "walk/none", MISSING),
        Row("GET", f"{api}/container/full/{{path}}", READ, "walk/pack", sent=AS_HDF5),
        Row("GET", f"{api}/container/full/{{path}}", READ, f"{DET}/partitions/{{digest}}", sent=AS_HDF5),
        Row("GET", f"{api}/container/full/{{path}}", READ, f"{DET}/partitions/{{digest}}", sent=AS_NEXUS),
        Row("POST", f"{api}/container/full/{{path}}", READ, "walk/pack", sent=AS_HDF5 | {"json": ["array"]}),
        Row("GET", f"{api}/node/full/{{path}}", READ, "walk/pack", sent=AS_HDF5),
        Row("PUT", f"{api}/node/full/{{path}}", WRITE, "walk/none", MISSING),
        Row("GET", f"{api}/awkward/buffers/{{path}}", READ, "walk/none", MISSING),
        Row("POST", f"{api}/awkward/buffers/{{path}}", READ, "walk/none", MISSING, {"json": []}),
        Row("GET", f"{api}/awkward/full/{{path}}", READ, "walk/none", MISSING),
        Row("PUT", f"{api}/awkward/full/{{path}}", WRITE, "walk/none", MISSING),
        Row("POST", f"{api}/register/{{path}}", {RECORDER}, "walk", sent={"json": NODE}),
        Row("POST", f"{api}/register/{{path}}", NOBODY, f"{DET}/log", sent={"json": NODE}),
        Row("PUT", f"{api}/data_source/{{path}}", {RECORDER}, "walk/none", MISSING),
        Row("GET", f"{api}/revisions/{{path}}", READ, "walk/free"),
        Row("DELETE", f"{api}/revisions/{{path}}", NOBODY, "walk/free", sent={"params": {"number": 1}}),
        Row("GET", f"{api}/asset/bytes/{{path}}", READ, "walk/array", MISSING, {"params": {"id": 999999}}),
        Row("GET", f"{api}/asset/manifest/{{path}}", READ, "walk/array", MISSING, {"params": {"id": 999999}}),
        Row("DELETE", f"{api}/asset/{{path}}", NOBODY, "walk/array", sent={"params": {"id": 999999}}),
        Row("GET", f"{api}/metrics", {STAFF}),
        Row("GET", "/zarr/v2/{path}/.zattrs", READ, "walk"),
        Row("GET", "/zarr/v2{path}.zattrs", READ, "/"),
        Row("GET", "/zarr/v2/{path}/.zgroup", READ, "walk"),
        Row("GET", "/zarr/v2{path}.zgroup", READ, "/"),
        Row("GET", "/zarr/v2/{path}/.zarray", READ, "walk/array"),
        Row("GET", "/zarr/v2/{path}", READ, "walk"),
        Row("GET", "/zarr/v3/{path}zarr.json", READ, "walk/"),
        Row("GET", "/zarr/v3/{path}/zarr.json", READ, "walk/array"),
        Row("GET", "/zarr/v3/{path}/c/{block}", READ, "walk/array 0/0", LET_IN),
        Row("GET", "/zarr/v3/{path}", READ, "walk/array/zarr.json"),
    ]


GRAPH = {("GET", "/api/graphql"), ("POST", "/api/graphql")}
"""Walked by its questions: it answers 200 to anybody."""
HIDDEN = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/favicon.ico"}
"""Routes that a server does not describe; beside them there are ``/static`` and a websocket."""
HOOKS = "/api/v1/webhooks"
WEBHOOKS = [
    Row("POST", f"{HOOKS}/target/{{path}}", NOBODY, "walk", sent={"json": {"url": "http://192.0.2.1/"}}),
    Row("GET", f"{HOOKS}/target/{{path}}", NOBODY, "walk"),
    Row("GET", f"{HOOKS}/history/{{webhook_id}}", NOBODY, "1"),
    Row("DELETE", f"{HOOKS}/{{webhook_id}}", NOBODY, "1"),
]
"""Tiled has them where it is configured by YAML."""
ENTITY = 'createEntity(input: {name: "x", entityType: "y"}) { id }'
GRAPHQL = [
    ("query { entities(limit: 9) { name } }", READ),
    ("query { namespaces { prefix } }", READ),
    ("mutation { " + ENTITY + " }", WRITE),
    ('mutation { upsertNamespace(prefix: "p", uri: "http://p/") { prefix } }', WRITE),
]
"""Asked of ``/api/graphql``, which answers 200 to anybody: who is told something."""
PATCH = {
    "content-type": "application/merge-patch+json",
    "metadata": {"note": 1},
    "specs": None,
    "access_tags": None,
}
DET_METADATA = {"schema": 1, "shape": [60, 80], "raw": "raw"}
PART = {"shape": "3,4", "offset": "0,0"}
COLUMNS: Mapping[str, Any] = {"params": {"partition": 0}, "json": ["a"]}
AS_HDF5: dict[str, Any] = {"params": {"format": "application/x-hdf5"}}
AS_NEXUS: dict[str, Any] = {"params": {"format": "application/x-nexus"}}


def prepare(catalog: MaskCatalog) -> str:
    """Make the nodes that the table names, in a catalogue at ``walk``; return the digest of a partition."""
    detector = catalog.create_detector("det", shape=RECORD.shape)
    detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
    use = detector.publish(RECORD, run_uid="r1")
    walk = catalog.client["walk"]
    array = np.zeros((3, 4), dtype=np.uint8)
    walk.write_array(array, key="array")
    walk.write_array(array, key="sealed").update_metadata({"sealed": True})
    walk.write_table(pandas.DataFrame({"a": [1.0]}), key="table")
    walk.create_container("free")
    walk.create_container("pack").write_array(array, key="array")
    graph_entity(catalog)
    return use.partition.digest


def graph_entity(catalog: MaskCatalog) -> None:
    """Leave something in the graph, so that there is something to hide."""
    uri = str(catalog.client.context.api_uri).replace("/api/v1/", "/api/graphql")
    for question in ('upsertNamespace(prefix: "q", uri: "http://q/") { prefix }', ENTITY):
        answer = catalog.client.context.http_client.post(uri, json={"query": f"mutation {{ {question} }}"})
        assert "errors" not in answer.raise_for_status().json()


def walked(http: httpx.Client, digest: str, role: str, known: Iterable[Row]) -> list[str]:
    """Send every row's request as ``role``; return what went otherwise than the table says."""
    wrong = []
    for row in known:
        answer = filled(row, digest).send(http)
        right = row.answer if role in row.who else REFUSED
        if answer.status_code not in right:
            wrong.append(
                f"{role}: {row.method} {row.route} {row.path}: {answer.status_code} {answer.text[:200]}"
            )
    return wrong


def filled(row: Row, digest: str) -> Row:
    """Return a row with the digest of the partition in its path."""
    return Row(row.method, row.route, row.who, row.path.replace("{digest}", digest), row.answer, row.sent)


def told(http: httpx.Client) -> list[bool]:
    """Return of each GraphQL question whether the answer tells anything."""
    answers = [http.post("/api/graphql", json={"query": question}) for question, _ in GRAPHQL]
    return [
        any(each is not None and each != [] for each in (a.json().get("data") or {}).values())
        for a in answers
    ]


def declared(http: httpx.Client) -> set[tuple[str, str]]:
    """Return every method and route that a server's own description names."""
    described = http.get("/openapi.json").json()["paths"]
    return {(method.upper(), route) for route, methods in described.items() for method in methods}


def single(table):
    """Return a table for a server with one key, which may do what any role may."""
    return [
        Row(row.method, row.route, {*row.who, "key"} if row.who else NOBODY, row.path, row.answer, row.sent)
        for row in table
    ]


def known(table):
    return {(row.method, row.route) for row in table if row.route not in HIDDEN} | GRAPH
