"""How a partition lies in Tiled, as one registered file or as arrays, and back to the value."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from tiled.client.utils import handle_error, retry_context

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import SCHEMA_VERSION

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.packed import Packed

HDF5 = "application/x-hdf5"
NEXUS = "application/x-nexus"
MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")
MAPPINGS = ("dynamic_index_mapping", "static_index_mapping")
ARRAYS = (*MAPS, *MAPPINGS)


def metadata_of(part: Partition | Packed) -> dict[str, Any]:
    """Return what a partition's node says of it; ``geometry`` names the Q-map beside it."""
    return {
        "schema": SCHEMA_VERSION,
        "digest": part.digest,
        "geometry": part.record.digest,
        "record": part.record.model_dump(mode="json"),
        "requested": part.requested.model_dump(mode="json"),
        "recipe": part.recipe.model_dump(mode="json"),
    }


def arrays_of(part: Partition) -> dict[str, np.ndarray]:
    """Return the arrays that are stored of a partition."""
    maps = {name: np.asarray(getattr(part, name)) for name in MAPS}
    mappings = {
        "dynamic_index_mapping": np.asarray(part.dynamic.index_mapping),
        "static_index_mapping": np.asarray(part.static.index_mapping),
    }
    return maps | mappings


def partition_of(metadata: Mapping[str, Any], arrays: Mapping[str, Any]) -> Partition:
    """Return the partition that a node's metadata and arrays make.

    Raises:
        ValueError: they do not make one.
    """
    from xpcs_mask_bluesky.partitions import Partition, PartitionRecipe

    return Partition.from_arrays(
        record=GeometryRecord.model_validate(metadata["record"]),
        requested=PartitionRecipe.model_validate(metadata["requested"]),
        recipe=PartitionRecipe.model_validate(metadata["recipe"]),
        **{name: np.asarray(arrays[name]) for name in ARRAYS},
    )


def read_partition(node: Any) -> Partition:
    """Return the partition of a Tiled node, after checking it.

    Raises:
        DamagedData: it was not finished, or is not what was published.
    """
    node = node.include_data_sources()
    digest = node.item["id"]
    if not node.metadata.get("sealed"):
        raise DamagedData(f"partition {digest[:12]} was not finished; publish it again")
    try:
        part = _from_file(node) if node.data_sources() else _from_arrays(node)
    except (ValueError, OSError, KeyError) as error:
        raise DamagedData(f"partition {digest[:12]} cannot be read: {error}") from error
    if part.digest != digest:
        raise DamagedData(f"partition {digest[:12]} has the content of {part.digest[:12]}")
    return part


def _from_file(node: Any) -> Partition:
    from xpcs_mask_bluesky.files.qmap_hdf5 import read_qmap

    with tempfile.NamedTemporaryFile(suffix=".hdf") as file:
        file.write(_file_content(node))
        file.flush()
        return read_qmap(file.name)


def _file_content(node: Any) -> bytes:
    """Return the registered file as it is; Tiled's own ``raw_export`` prints on the console."""
    (source,) = node.data_sources()
    (asset,) = source.assets
    address = node.uri.replace("/metadata/", "/asset/bytes/", 1)
    for attempt in retry_context():
        with attempt:
            response: Any = node.context.http_client.get(address, params={"id": asset.id})
            handle_error(response)
            return response.read()
    raise AssertionError("unreachable: the last attempt raises")


def _from_arrays(node: Any) -> Partition:
    return partition_of(node.metadata, {name: node[name].read() for name in ARRAYS})
