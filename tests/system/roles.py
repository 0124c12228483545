"""Keys of each role, made over HTTP by an administrator or oneself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from tests.system.services import Facility
from xpcs_mask_bluesky.server.roles import EDITOR, READER, RECORDER, STAFF

AUTH = "/api/v1/auth"


def client(uri: str, key: str | None = None) -> httpx.Client:
    """Return an HTTP client that sends the key with each request."""
    headers = {} if key is None else {"Authorization": f"Apikey {key}"}
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=uri, headers=headers, timeout=20, trust_env=False, limits=limits)


def session(facility: Facility, name: str) -> httpx.Client:
    """Return an HTTP client of somebody who logged in."""
    http = client(facility.uris[0])
    tokens = said(
        http.post(
            f"{AUTH}/provider/facility/token",
            data={"grant_type": "password", "username": name, "password": facility.passwords[name]},
        )
    )
    http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return http


def own_key(http: httpx.Client, scopes: Iterable[str], **limits: Any) -> str:
    """Return a new key of whoever is logged in."""
    return said(http.post(f"{AUTH}/apikey", json=_asked(scopes) | limits))["secret"]


def service_key(admin: httpx.Client, role: str, scopes: Iterable[str]) -> str:
    """Return a key of a new service."""
    service = said(admin.post(f"{AUTH}/principal", params={"role": role}))["uuid"]
    answer = admin.post(f"{AUTH}/principal/{service}/apikey", json=_asked(scopes))
    return said(answer)["secret"]


def keys_of_roles(facility: Facility) -> dict[str, str]:
    """Return a key for each role: of a service, of Ada herself, of a service of administrators."""
    admin, ada = session(facility, "admin"), session(facility, "ada")
    return {
        "reader": service_key(admin, "user", READER),
        "editor": own_key(ada, EDITOR),
        "recorder": service_key(admin, "admin", RECORDER),
        "staff": service_key(admin, "admin", STAFF),
    }


def _asked(scopes: Iterable[str]) -> dict[str, Any]:
    return {"scopes": sorted(scopes), "expires_in": 3600, "note": "of a test"}


def said(answer: httpx.Response) -> Any:
    """Return what an answer says, which is no refusal."""
    answer.raise_for_status()
    return answer.json()
