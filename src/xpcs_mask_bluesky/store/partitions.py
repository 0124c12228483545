"""Published partitions: a file or a container each, under their digest, verified when read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiled.client.utils import ClientError
from tiled.structures.core import Spec, StructureFamily
from tiled.structures.data_source import Asset, DataSource, Management

from xpcs_mask_bluesky.store.layout import PARTITION_SPEC, SCHEMA_VERSION, create, is_conflict
from xpcs_mask_bluesky.store.packed import Packed
from xpcs_mask_bluesky.store.rights import asking
from xpcs_mask_bluesky.store.stored import HDF5, arrays_of, metadata_of, read_partition
from xpcs_mask_bluesky.threads import Threads

WRITERS = 3
"""Arrays that are sent at once."""

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from xpcs_mask_bluesky.partitions import Partition


def export(part: Partition, path: Path, *, run_uid: str = "", mask_revision: str = "") -> Path:
    """Write a partition as NXxpcs if ``path`` ends in ``.nxs``, else as ``/qmap`` HDF5; return the path."""
    if path.suffix.lower() == ".nxs":
        from xpcs_mask_bluesky.files.nxxpcs import write_nxxpcs

        write_nxxpcs(part, path, run_uid=run_uid)
    else:
        from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

        write_qmap(part, path, run_uid=run_uid, mask_revision=mask_revision)
    return path


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
        """Write the partition, and return its path: NXxpcs if that ends in ``.nxs``, else ``/qmap`` HDF5."""
        return export(self.read(), Path(path))

    def show(self, image: np.ndarray | None = None) -> Figure:
        """Return a figure: mask with rings of q and φ, over an image ``(rows, columns)``; and labels."""
        from xpcs_mask_bluesky.plots.figures import partition_figure

        part = self.read()
        return partition_figure(part, image, title=f"partition {part.digest[:12]}")

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

    def put(self, part: Partition | Packed, *, run_uid: str = "", mask_revision: int = 0) -> None:
        """Store a partition, unless it is there already; half of one is never seen."""
        if part.digest in self._stored or (self._may_be_there(part.digest) and self._is_whole(part.digest)):
            self._stored.add(part.digest)
            return
        metadata = metadata_of(part)
        whole = self._directory is not None and self._put_file(
            part, metadata, run_uid, mask_revision, self._directory
        )
        if not whole:
            self._put_arrays(part, metadata)
        self._stored.add(part.digest)

    def rewrite(self, part: Partition, *, run_uid: str = "", mask_revision: int = 0) -> None:
        """Write the file of a partition again, in one step, where its node is there already.

        Raises:
            ValueError: the partitions are no files here.
        """
        if self._directory is None:
            raise ValueError(f"partition {part.digest[:12]} is no file that this process can write")
        _write_file(part, self._directory, run_uid, mask_revision)

    def get(self, digest: str) -> PartitionHandle:
        """Return the partition with this digest; it is fetched when looked into."""
        return PartitionHandle(lambda: self._read(digest), digest)

    def _may_be_there(self, digest: str) -> bool:
        """Return whether the server must be asked; where files are shared, one without a file is new."""
        return self._directory is None or _file_of(digest, self._directory).exists()

    def _is_whole(self, digest: str) -> bool:
        try:
            return bool(self._container()[digest].metadata.get("sealed"))
        except KeyError:
            return False

    def _put_file(
        self,
        part: Partition | Packed,
        metadata: Mapping[str, Any],
        run_uid: str,
        mask_revision: int,
        directory: Path,
    ) -> bool:
        """Write and register one file; return False if somebody's half container has its key."""
        path = _write_file(part, directory, run_uid, mask_revision)
        sealed = {**metadata, "sealed": True}
        registered = register_file(self._container(), part.digest, path, metadata=sealed)
        return registered or self._is_whole(part.digest)

    def _put_arrays(self, part: Partition | Packed, metadata: Mapping[str, Any]) -> None:
        """Write the arrays side by side, and say only when all are there that they are."""
        spec = Spec(PARTITION_SPEC, version=str(SCHEMA_VERSION))
        parent = self._container()
        try:
            node = create(parent, part.digest, metadata={**metadata, "sealed": False}, specs=[spec])
        except KeyError:
            node = parent[part.digest]
        with Threads(WRITERS, "xpcs-mask-write") as writers:
            arrays = arrays_of(part.unpack() if isinstance(part, Packed) else part)
            writing = [writers.submit(_write, node, name, array) for name, array in arrays.items()]
        for each in writing:
            each.result()
        node.update_metadata({**metadata, "sealed": True})

    def _read(self, digest: str) -> Partition:
        return read_partition(self._container().new_variation(include_data_sources=True)[digest])


def _file_of(digest: str, directory: Path) -> Path:
    return directory / f"{digest}.hdf"


def _write_file(part: Partition | Packed, directory: Path, run_uid: str, mask_revision: int) -> Path:
    from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap
    from xpcs_mask_bluesky.files.replacing import replaced

    directory.mkdir(parents=True, exist_ok=True)
    path = _file_of(part.digest, directory)
    if isinstance(part, Packed):
        with replaced(path) as temporary:
            temporary.write_bytes(part.content)
        return path
    write_qmap(part, path, run_uid=run_uid, mask_revision=str(mask_revision), quiet=True)
    return path


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
        with asking("register a file"):
            parent.new(StructureFamily.container, [source], key=key, metadata=metadata, specs=[spec])
    except ClientError as error:
        if not is_conflict(error):
            raise
        return False
    return True


def _write(node: Any, name: str, array: np.ndarray) -> None:

    try:
        node.write_array(array, key=name)
    except ClientError as error:
        if not is_conflict(error):
            raise
        node[name].write(array)  # a writer died half-way; all write the same
