"""Where a detector's partitions are, for the metadata of a run that begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.store.layout import LOG

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.clients import XPCSDetector


def whereabouts(detector: XPCSDetector) -> dict[str, Any]:
    """Return Tiled's paths of a detector's log and, by recipe name, of its partitions in force."""
    in_force: dict[str, str] = {}
    for name in detector.state.latest().recipes:
        try:
            in_force[name] = detector.partition(name=name).path
        except LookupError:  # none is published yet
            continue
    return {"log": "/".join([*detector.path_parts, LOG]), "partitions": in_force}
