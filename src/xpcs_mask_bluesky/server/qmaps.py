"""The Q-map of a geometry, computed by the server when somebody reads it; only the geometry is stored.

A node of mimetype :data:`~xpcs_mask_bluesky.store.qmap_node.MIMETYPE` holds the geometry among its
parameters. Tiled asks the adapter here for its arrays: ``adapters_by_mimetype`` names it, in the embedded
server as in a facility's YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from tiled.adapters.array import ArrayAdapter
from tiled.adapters.mapping import MapAdapter
from tiled.ndslice import NDBlock, NDSlice
from tiled.structures.array import ArrayStructure, BuiltinDtype

from xpcs_mask_bluesky.geometry import GeometryRecord

MAPS_KEPT = 4
"""Maps that stay in memory: an answer comes in several blocks, and readers ask for the same ones."""
CHUNK_BYTES = 64_000_000
"""Of one block of a map; Tiled answers with at most 300 MB at once."""


class ComputedMap(ArrayAdapter):
    """One map of a Q-map: float64 ``(rows, columns)``."""

    def __init__(self, record: str, axis: str, shape: tuple[int, int], unit: str) -> None:
        self._record, self._axis = record, axis
        rows, columns = shape
        step = max(1, CHUNK_BYTES // (8 * columns))
        chunks = tuple(min(step, rows - first) for first in range(0, rows, step)), (columns,)
        structure = ArrayStructure(
            data_type=BuiltinDtype.from_numpy_dtype(np.dtype("<f8")),
            chunks=chunks,
            shape=shape,
            dims=("row", "column"),
        )
        super().__init__(np.empty((0,)), structure, metadata={"unit": unit, "sealed": True})

    def read(self, slice: NDSlice = NDSlice(...)) -> np.ndarray:  # noqa: B008  Tiled's signature
        """Return the map, or a slice of it."""
        whole = computed(self._record, self._axis)
        return whole[tuple(slice)] if slice else whole

    def read_block(
        self,
        block: NDBlock,
        slice: NDSlice = NDSlice(...),  # noqa: B008  Tiled's signature
    ) -> np.ndarray:
        """Return one block of the map, or a slice of it."""
        part = computed(self._record, self._axis)[tuple(block.slice_from_chunks(self._structure.chunks))]
        return part[tuple(slice)] if slice else part


class QMapAdapter(MapAdapter[ComputedMap]):
    """The maps of one geometry by name, such as ``q`` and ``phi``."""

    @classmethod
    def from_catalog(cls, data_source: Any, node: Any, /, record: Mapping[str, Any]) -> QMapAdapter:
        """Return the adapter of a node whose parameters hold a geometry; nothing is computed yet.

        Raises:
            ValueError: the parameters are no geometry.
        """
        from xpcs_mask_bluesky.qmap import q_map

        geometry = GeometryRecord.model_validate(dict(record))
        key = geometry.model_dump_json()
        maps = {
            axis: ComputedMap(key, axis, geometry.shape, unit) for axis, unit in q_map(geometry).units.items()
        }
        return cls(maps, metadata=node.metadata_, specs=node.specs)


@lru_cache(maxsize=MAPS_KEPT)
def computed(record: str, axis: str) -> np.ndarray:
    """Return one map of a geometry given as JSON, read-only."""
    from xpcs_mask_bluesky.qmap import q_map

    return q_map(GeometryRecord.model_validate_json(record))[axis]
