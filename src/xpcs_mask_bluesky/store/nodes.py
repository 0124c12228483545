"""What Tiled's client returns for our smaller nodes: a partition, and an entry of the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiled.client.container import Container

from xpcs_mask_bluesky.store.layout import PARTITIONS
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.stored import HDF5, NEXUS, read_partition

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from xpcs_mask_bluesky.partitions import Partition


class XPCSPartition(Container):
    """A stored partition."""

    def read(self) -> Partition:
        """Return the partition, after checking its digest.

        Raises:
            DamagedData: it was not finished, or is not what was published.
        """
        return read_partition(self)

    def export(self, filepath: Any, fields: Any = None, *, format: str | None = None) -> None:
        """Write the file that the server answers with.

        Args:
            filepath: Path, or a writable buffer.
            fields: Tiled's; a partition goes as a whole.
            format: ``"application/x-hdf5"`` for the ``/qmap`` file, ``"application/x-nexus"`` for NXxpcs;
                by default the second for a path that ends in ``.nxs``, else the first.
        """
        nexus = isinstance(filepath, str | Path) and Path(filepath).suffix.lower() == ".nxs"
        format = format or (NEXUS if nexus else HDF5)
        super().export(filepath, fields, format=format)

    def show(self, image: np.ndarray | None = None) -> Figure:
        """Return a figure: mask with rings of q and φ, over an image ``(rows, columns)``; and labels."""
        from xpcs_mask_bluesky.plots.figures import partition_figure

        part = self.read()
        return partition_figure(part, image, title=f"partition {part.digest[:12]}")

    def __repr__(self) -> str:
        return f"<XPCSPartition {self.item['id'][:12]}>"


class XPCSCommit(Container):
    """An entry of a detector's log."""

    @property
    def entry(self) -> LogEntry:
        """The entry itself."""
        return LogEntry.from_metadata(self.metadata)

    @property
    def run_uid(self) -> str:
        """The run that the entry is about; empty for none."""
        return str(self.entry.lineage.get("run_uid", ""))

    @property
    def partition_path(self) -> str:
        """Tiled's path of the partition that the entry names; empty for none."""
        digest = self.entry.lineage.get("partition")
        return "/".join([*self.path_parts[:-2], PARTITIONS, digest]) if digest else ""

    def __repr__(self) -> str:
        return f"<XPCSCommit {self.entry.describe()}>"
