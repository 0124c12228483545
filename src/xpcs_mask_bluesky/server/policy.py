"""The access policy of our servers: what the credentials carry, and nothing sealed is changed."""

from __future__ import annotations

from typing import Any

from tiled.access_control.access_policies import ALL_ACCESS, NO_ACCESS
from tiled.access_control.protocols import AccessPolicy, normalize_access_tags
from tiled.access_control.scopes import PUBLIC_SCOPES, ScopeName

WITHHELD = frozenset({ScopeName.delete_node, ScopeName.delete_revision})
"""Deleting a node takes its sealed descendants along, so nobody may."""


class CredentialPolicy(AccessPolicy):
    """Grant the scopes that the request's credentials carry, less deletion.

    Without a policy Tiled's ``/zarr`` and ``/api/graphql`` routes answer anybody, even
    where anonymous access is switched off. A node whose metadata say ``sealed: true``
    can only be read, whoever asks.
    """

    async def init_node(
        self, principal: Any, authn_access_tags: Any, authn_scopes: Any, access_tags: Any = None
    ) -> tuple[bool, Any]:
        """Leave the access tags of a new node as they were asked for."""
        return False, access_tags or normalize_access_tags()

    async def allowed_scopes(
        self, node: Any, principal: Any, authn_access_tags: Any, authn_scopes: Any
    ) -> Any:
        """Return the scopes that this request has on ``node``."""
        scopes = set(authn_scopes) - WITHHELD
        return scopes & PUBLIC_SCOPES if is_sealed(node) else scopes

    async def filters(
        self,
        node: Any,
        principal: Any,
        authn_access_tags: Any,
        authn_scopes: Any,
        scopes: Any,
    ) -> Any:
        """Hide every child from a request whose credentials lack ``scopes``."""
        return ALL_ACCESS if set(scopes) <= set(authn_scopes) else NO_ACCESS


def is_sealed(node: Any) -> bool:
    """Return whether the metadata of a Tiled adapter declare it finished."""
    metadata = getattr(node, "metadata", None)
    return bool(metadata is not None and metadata().get("sealed") is True)
