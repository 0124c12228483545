"""Nodes for Q-maps: only the geometry is stored, the server computes the maps when they are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tiled.client.utils import ClientError
from tiled.structures.core import Spec, StructureFamily
from tiled.structures.data_source import DataSource, Management

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.layout import QMAP_SPEC, SCHEMA_VERSION, is_conflict

logger = logging.getLogger("xpcs_mask_bluesky")

MIMETYPE = "application/x-xpcs-qmap"
"""Of a data source whose parameters hold a geometry; ``server.qmaps`` reads it."""
NO_ADAPTER = 415
"""Tiled's answer to a mimetype that it cannot read."""


class QMaps:
    """The Q-maps of one detector, under the digest of their geometry.

    Args:
        container: Returns the Tiled container that holds them.
    """

    def __init__(self, container: Callable[[], Any]) -> None:
        self._container = container
        self._offered: set[str] = set()
        self._served = True

    def offer(self, record: GeometryRecord) -> bool:
        """Let the server compute this geometry's Q-map; False if it cannot, for want of our adapter."""
        if self._served and record.digest not in self._offered:
            self._served = self._create(record)
            self._offered.add(record.digest)
        return self._served

    def node(self, record: GeometryRecord) -> Any:
        """Return the Tiled container with the maps of a geometry: float64 arrays ``q``, ``phi``, ….

        Raises:
            LookupError: the server cannot compute them.
        """
        with suppress(KeyError):
            return self._container()[record.digest]
        if not self.offer(record):
            raise LookupError(
                "this Tiled server lacks our adapter for Q-maps; facility.yml shows how to add it"
            )
        return self._container()[record.digest]

    def _create(self, record: GeometryRecord) -> bool:
        content = record.model_dump(mode="json")
        source = DataSource(
            structure_family=StructureFamily.container,
            structure=None,
            mimetype=MIMETYPE,
            parameters={"record": content},
            management=Management.external,
            assets=[],
        )
        metadata = {"schema": SCHEMA_VERSION, "geometry": record.digest, "record": content, "sealed": True}
        specs = [Spec(QMAP_SPEC, version=str(SCHEMA_VERSION))]
        try:
            self._container().new(
                StructureFamily.container, [source], key=record.digest, metadata=metadata, specs=specs
            )
        except ClientError as error:
            if error.response.status_code == NO_ADAPTER:
                logger.info("this Tiled server computes no Q-maps: it lacks our adapter (see facility.yml)")
                return False
            if not is_conflict(error):
                raise
        return True
