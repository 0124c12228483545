"""What the server checks of a log entry before it takes it: its form, and who may make one of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException
from tiled.structures.core import Spec, StructureFamily
from tiled.validation_registration import ValidationError

from xpcs_mask_bluesky.server.roles import STAFF_KINDS, is_staff, why_not
from xpcs_mask_bluesky.server.visit import Visit, current
from xpcs_mask_bluesky.store.layout import COMMIT_SPEC, SCHEMA_VERSION
from xpcs_mask_bluesky.store.log import LogEntry


def register(registry: Any) -> None:
    """Let a Tiled validation registry know our checks.

    A facility's YAML cannot: it registers without a version, and Tiled compares versions exactly.
    """
    for version in (None, str(SCHEMA_VERSION)):
        registry.register(Spec(COMMIT_SPEC, version=version), log_entry)


async def log_entry(
    spec: Any, metadata: Mapping[str, Any], entry: Any, structure_family: Any, structure: Any
) -> None:
    """Check a node that is to become a log entry; nothing of it is changed.

    Raises:
        ValidationError: (400) it is no entry of a log.
        HTTPException: (403) the request may not make such an entry, or says that somebody else made it.
    """
    if structure_family not in (None, StructureFamily.container):
        raise ValidationError(f"a log entry has no data, and this has a structure: {structure_family}")
    try:
        parsed = LogEntry.from_metadata(metadata)
    except ValueError as error:
        raise ValidationError(str(error)) from error
    if parsed.sealed is not True:
        raise ValidationError(f"log entry {parsed.seq} is not sealed, so it could be changed later")
    visit = current()
    if visit is None:
        raise ValidationError("log entries are taken under this package's access policy only")
    _check_rights(parsed, visit)
    visit.entry_checked = True


def _check_rights(entry: LogEntry, visit: Visit) -> None:
    if entry.kind in STAFF_KINDS and not is_staff(visit.scopes):
        raise HTTPException(403, why_not(entry.kind))
    known = identities(visit.principal)
    said = frozenset((entry.principal or "").split(",")) - {""}
    if not said <= known:
        raise HTTPException(
            403,
            f"the entry says {entry.principal} made it, but this request is of {', '.join(known) or '-'}",
        )


def identities(principal: Any) -> frozenset[str]:
    """Return who the server says that a request is of, as ``provider:name``."""
    found = getattr(principal, "identities", None) or ()
    return frozenset(f"{each.provider}:{each.id}" for each in found)
