# Tiled's adapters are typed in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A catalogue that keeps the containers that every request walks through: half of a short answer's time.

Tiled looks each segment of a path up in its database, with its data sources and access tags. Those on the
way to a detector's log or partitions hardly ever change, and if they do, it is through this very process,
which then forgets them all.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from tiled.catalog.adapter import CatalogContainerAdapter

from xpcs_mask_bluesky.server.visit import PARTS, has_spec
from xpcs_mask_bluesky.store.layout import DETECTOR_SPEC

MOST = 1000
"""Containers that are kept, of all detectors together."""


class Kept(dict[tuple[int, str], Any]):
    """Nodes by the number of their parent and their key."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        """How often they were forgotten: what was read before may not be kept after."""

    def forget(self) -> None:
        """Forget all."""
        self.changes += 1
        self.clear()


_kept: WeakKeyDictionary[Any, Kept] = WeakKeyDictionary()
"""By catalogue."""


class WalkedCatalog(CatalogContainerAdapter):
    """Tiled's catalogue, for a server that alone changes its database."""

    @classmethod
    def of(cls, catalog: CatalogContainerAdapter) -> WalkedCatalog:
        """Return the same catalogue from its root."""
        return cls(catalog.context, catalog.node)

    @property
    def _nodes(self) -> Kept:
        return _kept.setdefault(self.context, Kept())

    async def lookup_adapter(self, segments: list[str]) -> Any:
        """Return what lies under a path.

        Raises:
            NoEntry: nothing does.
        """
        if len(segments) != 1 or self.conditions or self.access_filters or self.queries:
            return await super().lookup_adapter(segments)
        nodes, place = self._nodes, (self.node.id, segments[0])
        if place in nodes:
            return type(self)(self.context, nodes[place])
        changes = nodes.changes
        found = await super().lookup_adapter(segments)
        if type(found) is not CatalogContainerAdapter:
            return found
        if self._stays(found) and nodes.changes == changes and len(nodes) < MOST:
            nodes[place] = found.node
        return type(self)(self.context, found.node)

    def _stays(self, found: CatalogContainerAdapter) -> bool:
        """Return whether a child is walked through: a container at the top, a detector, or its part."""
        if self.node.parent is None or has_spec(found, DETECTOR_SPEC):
            return True
        return has_spec(self, DETECTOR_SPEC) and found.node.key in PARTS

    async def replace_metadata(self, *arguments: Any, **named: Any) -> None:
        """Change a node's metadata, specs or access tags."""
        try:
            await super().replace_metadata(*arguments, **named)
        finally:
            self._nodes.forget()

    async def delete(self, *arguments: Any, **named: Any) -> Any:
        """Delete a node."""
        try:
            return await super().delete(*arguments, **named)
        finally:
            self._nodes.forget()
