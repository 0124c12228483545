"""Published partitions: a file or a container each, under their digest, verified when read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tiled.client.utils import ClientError, handle_error, retry_context
from tiled.structures.core import Spec, StructureFamily
from tiled.structures.data_source import Asset, DataSource, Management

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import PARTITION_SPEC, SCHEMA_VERSION, create, is_conflict

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition

HDF5 = "application/x-hdf5"
MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")
MAPPINGS = ("dynamic_index_mapping", "static_index_mapping")


class PartitionHandle:
    """A partition that is fetched, and verified, when first looked into.

    It has all attributes of :class:`~xpcs_mask_bluesky.Partition`.

    Args:
        load: Fetches or computes it.
        digest: Its digest, where known beforehand.
    """

    def __init__(self, load: Callable[[], Partition], digest: str | None = None) -> None:
        self._load, self._digest = load, digest
        self._partition: Partition | None = None

    @property
    def digest(self) -> str:
        """Digest of the content, 64 hexadecimal characters."""
        return self._digest or self.read().digest

    def read(self) -> Partition:
        """Return the partition itself.

        Raises:
            DamagedData: what is stored is not what was published.
        """
        if self._partition is None:
            self._partition = self._load()
        return self._partition

    def export(self, path: str | Path) -> Path:
        """Write the partition as a ``/qmap`` HDF5 file, for correlators, and return its path."""
        from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

        write_qmap(self.read(), Path(path))
        return Path(path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.read(), name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(type(self.read()))})

    def __eq__(self, other: object) -> bool:
        return self.digest == getattr(other, "digest", None)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<partition {self._digest[:12] if self._digest else 'computed on demand'}>"

    def __str__(self) -> str:
        return self._digest[:12] if self._digest else "(computed on demand)"


class Partitions:
    """The published partitions of one detector.

    Args:
        container: Returns the Tiled container that holds them.
        directory: Where their files go, if the server reads the same file system; else None.
    """

    def __init__(self, container: Callable[[], Any], directory: Path | None) -> None:
        self._container, self._directory = container, directory
        self._stored: set[str] = set()

    def put(self, part: Partition, *, run_uid: str = "", mask_revision: int = 0) -> None:
        """Store a partition, unless it is there already; half of one is never seen."""
        if part.digest in self._stored or self._is_whole(part.digest):
            self._stored.add(part.digest)
            return
        metadata = {
            "schema": SCHEMA_VERSION,
            "digest": part.digest,
            "record": part.record.model_dump(mode="json"),
            "requested": part.requested.model_dump(mode="json"),
            "recipe": part.recipe.model_dump(mode="json"),
        }
        whole = self._directory is not None and self._put_file(
            part, metadata, run_uid, mask_revision, self._directory
        )
        if not whole:
            self._put_arrays(part, metadata)
        self._stored.add(part.digest)

    def get(self, digest: str) -> PartitionHandle:
        """Return the partition with this digest; it is fetched when looked into."""
        return PartitionHandle(lambda: self._read(digest), digest)

    def _is_whole(self, digest: str) -> bool:
        try:
            return bool(self._container()[digest].metadata.get("sealed"))
        except KeyError:
            return False

    def _put_file(
        self,
        part: Partition,
        metadata: Mapping[str, Any],
        run_uid: str,
        mask_revision: int,
        directory: Path,
    ) -> bool:
        """Write and register one file; return False if somebody's half container has its key."""
        from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{part.digest}.hdf"
        write_qmap(part, path, run_uid=run_uid, mask_revision=str(mask_revision), quiet=True)
        sealed = {**metadata, "sealed": True}
        registered = register_file(self._container(), part.digest, path, metadata=sealed)
        return registered or self._is_whole(part.digest)

    def _put_arrays(self, part: Partition, metadata: Mapping[str, Any]) -> None:

        spec = Spec(PARTITION_SPEC, version=str(SCHEMA_VERSION))
        parent = self._container()
        try:
            node = create(parent, part.digest, metadata={**metadata, "sealed": False}, specs=[spec])
        except KeyError:
            node = parent[part.digest]
        for name, array in _arrays(part).items():
            _write(node, name, array)
        node.update_metadata({**metadata, "sealed": True})

    def _read(self, digest: str) -> Partition:
        node = self._container().new_variation(include_data_sources=True)[digest]
        if not node.metadata.get("sealed"):
            raise DamagedData(f"partition {digest[:12]} was not finished; publish it again")
        try:
            part = _from_file(node) if node.data_sources() else _from_arrays(node)
        except (ValueError, OSError, KeyError) as error:
            raise DamagedData(f"partition {digest[:12]} cannot be read: {error}") from error
        if part.digest != digest:
            raise DamagedData(f"partition {digest[:12]} has the content of {part.digest[:12]}")
        return part


def register_file(parent: Any, key: str, path: Path, *, metadata: Mapping[str, Any]) -> bool:
    """File an HDF5 file, which the server can read, under ``key``; False if the key is taken."""
    asset = Asset(data_uri=path.as_uri(), is_directory=False, parameter="data_uri")
    source = DataSource(
        structure_family=StructureFamily.container,
        structure=None,
        mimetype=HDF5,
        management=Management.external,
        assets=[asset],
    )
    spec = Spec(PARTITION_SPEC, version=str(SCHEMA_VERSION))
    try:
        parent.new(StructureFamily.container, [source], key=key, metadata=metadata, specs=[spec])
    except ClientError as error:
        if not is_conflict(error):
            raise
        return False
    return True


def _arrays(part: Partition) -> dict[str, np.ndarray]:
    maps = {name: np.asarray(getattr(part, name)) for name in MAPS}
    mappings = {
        "dynamic_index_mapping": np.asarray(part.dynamic.index_mapping),
        "static_index_mapping": np.asarray(part.static.index_mapping),
    }
    return maps | mappings


def _write(node: Any, name: str, array: np.ndarray) -> None:

    try:
        node.write_array(array, key=name)
    except ClientError as error:
        if not is_conflict(error):
            raise
        node[name].write(array)  # a writer died half-way; all write the same


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
    from xpcs_mask_bluesky.partitions import Partition, PartitionRecipe

    return Partition.from_arrays(
        record=GeometryRecord.model_validate(node.metadata["record"]),
        requested=PartitionRecipe.model_validate(node.metadata["requested"]),
        recipe=PartitionRecipe.model_validate(node.metadata["recipe"]),
        **{name: np.asarray(node[name].read()) for name in (*MAPS, *MAPPINGS)},
    )
