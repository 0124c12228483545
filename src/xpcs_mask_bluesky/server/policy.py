"""The access policy of our servers: what the credentials carry, by role, and nothing sealed is changed."""

from __future__ import annotations

from typing import Any

from tiled.access_control.access_policies import ALL_ACCESS, NO_ACCESS
from tiled.access_control.protocols import AccessPolicy, normalize_access_tags
from tiled.access_control.scopes import NO_SCOPES, PUBLIC_SCOPES, ScopeName
from tiled.queries import AccessTagsFilter
from tiled.server.core import NoEntry
from tiled.validation_registration import default_validation_registry

from xpcs_mask_bluesky.server import queries, redaction, validators
from xpcs_mask_bluesky.server.roles import is_staff
from xpcs_mask_bluesky.server.visit import arrive, current, has_spec, walk
from xpcs_mask_bluesky.store.layout import DETECTOR_SPEC, LOG

WITHHELD = frozenset(
    {
        ScopeName.delete_node,
        ScopeName.delete_revision,
        ScopeName.read_webhooks,
        ScopeName.write_webhooks,
    }
)
"""Nobody has these on any node: deleting one takes its sealed descendants along, and a webhook lets the
server send what happens here to any address that it can reach."""
RUN_SPEC = "BlueskyRun"


class CredentialPolicy(AccessPolicy):
    """Grant the scopes that the request's credentials carry, less deletion.

    Without a policy Tiled's ``/zarr`` and ``/api/graphql`` routes answer anybody, even
    where anonymous access is switched off. A node whose metadata say ``sealed: true``
    can only be read, whoever asks. In a detector's log only entries can be made, of the kinds that the
    request's role may make (:mod:`~xpcs_mask_bluesky.server.roles`). A key that is limited to access
    tags reaches the nodes that carry one of them.

    Making one also registers what it leans on: the validator of log entries, the filter that keeps
    keys out of the access log, and how log entries are searched.
    """

    def __init__(self) -> None:
        validators.register(default_validation_registry)
        redaction.install()
        queries.register()

    async def init_node(
        self, principal: Any, authn_access_tags: Any, authn_scopes: Any, access_tags: Any = None
    ) -> tuple[bool, Any]:
        """Return the access tags of a new node: those asked for, within those of the key.

        Raises:
            ValueError: (403) it would be something else than an entry in a log, or has other tags.
        """
        visit = current()
        if visit is not None and visit.at_log and not visit.entry_checked:
            raise ValueError("only entries of a log, with their spec, can be created in it")
        tags = normalize_access_tags(access_tags or ())
        if tags and not is_staff(authn_scopes):
            raise ValueError("access tags are given by staff")
        return False, tags

    async def modify_node(
        self, node: Any, principal: Any, authn_access_tags: Any, authn_scopes: Any, access_tags: Any
    ) -> tuple[bool, Any]:
        """Return the access tags of a node whose metadata are changed.

        Raises:
            ValueError: (403) it is a part of a detector, or its tags would change; only staff may.
        """
        if is_staff(authn_scopes):
            return False, normalize_access_tags(access_tags or ())
        if await _makes_a_detector(node):
            raise ValueError("the nodes that make up a detector are changed by staff only")
        if access_tags is not None and access_tags != node.access_tags:
            raise ValueError("access tags are given by staff")
        return False, node.access_tags

    async def allowed_scopes(
        self, node: Any, principal: Any, authn_access_tags: Any, authn_scopes: Any
    ) -> Any:
        """Return the scopes that this request has on ``node``."""
        arrive(node, principal, authn_scopes)
        scopes = set(authn_scopes) - WITHHELD
        if authn_access_tags is not None and not authn_access_tags & _tags(node):
            return scopes & {ScopeName.read_metadata} if _is_root(node) else NO_SCOPES
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
        walk(node)
        if not set(scopes) <= set(authn_scopes):
            return NO_ACCESS
        if authn_access_tags is not None:
            return [AccessTagsFilter(sorted(authn_access_tags))]
        return ALL_ACCESS


def is_sealed(node: Any) -> bool:
    """Return whether the metadata of a Tiled adapter declare it finished."""
    metadata = getattr(node, "metadata", None)
    return bool(metadata is not None and metadata().get("sealed") is True)


async def _makes_a_detector(node: Any) -> bool:
    """Return whether a node is a detector, a part of one, or could be made one by a new spec."""
    visit = current()
    if has_spec(node, DETECTOR_SPEC) or (visit is not None and visit.at_part):
        return True
    if has_spec(node, RUN_SPEC) or not hasattr(node, "lookup_adapter"):
        return False
    try:
        await node.lookup_adapter([LOG])
    except NoEntry:
        return False
    return True


def _tags(node: Any) -> frozenset[str]:
    return normalize_access_tags(getattr(node, "access_tags", ()))


def _is_root(node: Any) -> bool:
    return hasattr(node, "lookup_adapter") and node.node.parent is None
