"""A partition node as a file: what ``GET …/partitions/<digest>?format=…`` answers.

``application/x-hdf5`` is the ``/qmap`` file, ``application/x-nexus`` the NXxpcs one. The embedded server
registers them itself; a facility's Tiled does by ``media_types:`` (see ``facility.yml``). Nothing is
loaded before the first who asks.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from tiled.utils import SerializationError, path_from_uri

from xpcs_mask_bluesky.store.layout import PARTITION_SPEC
from xpcs_mask_bluesky.store.stored import ARRAYS, HDF5, NEXUS, partition_of

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition


Filter = Callable[[Any], Awaitable[Any]]
"""Tiled's: returns of a node what the request may read."""


def register(registry: Any) -> None:
    """Let a Tiled serialization registry know the files that a partition node answers with."""
    registry.register(PARTITION_SPEC, HDF5, qmap_hdf5)
    registry.register(PARTITION_SPEC, NEXUS, nxxpcs)


async def qmap_hdf5(
    mimetype: str, node: Any, metadata: Mapping[str, Any], filter_for_access: Filter
) -> bytes:
    """Return the ``/qmap`` file of a partition: the registered file as it is, or one made of its arrays.

    Raises:
        SerializationError: the partition is not finished, damaged, or not to be read (406 to the client).
    """
    allowed = await _allowed(node, metadata, filter_for_access)
    registered = _registered_file(allowed)
    if registered is not None:
        return await anyio.to_thread.run_sync(registered.read_bytes)
    arrays = await _read_arrays(allowed)
    return await anyio.to_thread.run_sync(_pack_qmap, metadata, arrays)


async def nxxpcs(mimetype: str, node: Any, metadata: Mapping[str, Any], filter_for_access: Filter) -> bytes:
    """Return the NXxpcs file of a partition.

    Raises:
        SerializationError: the partition is not finished, damaged, or not to be read (406 to the client).
    """
    allowed = await _allowed(node, metadata, filter_for_access)
    registered = _registered_file(allowed)
    if registered is not None:
        return await anyio.to_thread.run_sync(_repack_as_nxxpcs, registered)
    arrays = await _read_arrays(allowed)
    return await anyio.to_thread.run_sync(_pack_nxxpcs, metadata, arrays)


async def _allowed(node: Any, metadata: Mapping[str, Any], filter_for_access: Filter) -> Any:
    """Return what of the node may be read."""
    if not metadata.get("sealed"):
        raise SerializationError("this partition is not finished; its writer died, publish it again")
    return await filter_for_access(node)


def _registered_file(node: Any) -> Path | None:
    """Return the HDF5 file that Tiled serves the node from; None for a container of arrays."""
    uris = getattr(node, "uris", None)
    return path_from_uri(uris[0]) if uris else None


async def _read_arrays(node: Any) -> dict[str, Any]:
    if not hasattr(node, "items_range"):
        raise SerializationError("this partition is not to be read with these credentials")
    children = dict(await node.items_range())
    missing = [name for name in ARRAYS if name not in children]
    if missing:
        raise SerializationError(f"{', '.join(missing)} of this partition is not to be read")
    arrays = await asyncio.gather(*(children[name].read() for name in ARRAYS))
    return dict(zip(ARRAYS, arrays, strict=True))


def _pack_qmap(metadata: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

    return _written(partial(write_qmap, quiet=True), _checked(metadata, arrays))


def _pack_nxxpcs(metadata: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    from xpcs_mask_bluesky.files.nxxpcs import write_nxxpcs

    return _written(write_nxxpcs, _checked(metadata, arrays))


def _repack_as_nxxpcs(path: Path) -> bytes:
    from xpcs_mask_bluesky.files.nxxpcs import write_nxxpcs
    from xpcs_mask_bluesky.files.qmap_hdf5 import read_qmap

    try:
        part = read_qmap(path)
    except ValueError as error:
        raise SerializationError(f"the file of this partition is damaged: {error}") from error
    return _written(write_nxxpcs, part)


def _checked(metadata: Mapping[str, Any], arrays: Mapping[str, Any]) -> Partition:
    try:
        part = partition_of(metadata, arrays)
    except ValueError as error:
        raise SerializationError(f"this partition is damaged: {error}") from error
    if part.digest != metadata["digest"]:
        raise SerializationError(f"this partition has the content of {part.digest[:12]}; it is damaged")
    return part


def _written(write: Callable[[Partition, Path], Any], part: Partition) -> bytes:
    with tempfile.TemporaryDirectory(prefix="xpcs-mask-") as directory:
        path = Path(directory) / "partition.hdf"
        write(part, path)
        return path.read_bytes()
