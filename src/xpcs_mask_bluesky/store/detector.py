"""What every part of a detector's client needs: its log, its stored arrays, who is asking."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tiled.client.constructors import from_context
from tiled.client.container import Container

from xpcs_mask_bluesky.store.blobs import Blobs
from xpcs_mask_bluesky.store.layout import BLOBS, LOG, PARTITIONS, QMAPS, ensure
from xpcs_mask_bluesky.store.log import Log, LogEntry
from xpcs_mask_bluesky.store.made import Made
from xpcs_mask_bluesky.store.partitions import Partitions
from xpcs_mask_bluesky.store.qmap_node import QMaps
from xpcs_mask_bluesky.store.state import StateCache
from xpcs_mask_bluesky.store.uses import PartitionUse, use_of


class DetectorNode(Container):
    """A detector's node in Tiled."""

    @property
    def name(self) -> str:
        """The detector's ophyd name."""
        return self.item["id"]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in px."""
        shape: Any = self.metadata["shape"]
        return int(shape[0]), int(shape[1])

    def check_shape(self, shape: Sequence[int], what: str) -> None:
        """Raise ``ValueError`` unless ``shape`` is the detector's."""
        if tuple(shape) != self.shape:
            hint = "; is it transposed?" if tuple(shape) == self.shape[::-1] else ""
            raise ValueError(
                f"{what} is {tuple(shape)}, the detector {self.name!r} {self.shape} (rows, columns){hint}"
            )

    def head(self) -> int:
        """Return the number of the newest log entry; it changes whenever anything does."""
        return self.commits.head()

    def log(self, kind: str | None = None) -> list[LogEntry]:
        """Return the commits, oldest first: all, or those of one kind."""
        return self.commits.after(0, None if kind is None else [kind])

    @cached_property
    def commits(self) -> Log:
        """The log."""
        return Log(self[LOG])

    @cached_property
    def state(self) -> StateCache:
        """Masks and recipes in force."""
        return StateCache(self.commits)

    @cached_property
    def made(self) -> Made:
        """Partitions and edges that were made of geometries before."""
        return Made(self.commits)

    @cached_property
    def blobs(self) -> Blobs:
        """Arrays by digest."""
        return Blobs(self._part(BLOBS))

    @cached_property
    def stored(self) -> Partitions:
        """Partitions by digest."""
        return Partitions(self._part(PARTITIONS), None)

    def use_of(self, entry: LogEntry) -> PartitionUse:
        """Return the use of a partition that a ``run use`` entry says."""
        digest = entry.body["partition"]
        path = "/".join([*self.path_parts, PARTITIONS, digest])
        return use_of(entry, self.stored.get(digest), path)

    @cached_property
    def qmaps(self) -> QMaps:
        """Q-maps by the digest of their geometry, computed by the server."""
        return QMaps(self._part(QMAPS))

    @cached_property
    def author(self) -> str:
        """The user's login name."""
        return getpass.getuser()

    @cached_property
    def principal(self) -> str | None:
        """Who the server says we are; None where it knows one key only."""
        if not self.context.server_info.authentication.providers:
            return None
        identities = (self.context.whoami() or {}).get("identities", ())
        return ",".join(f"{each['provider']}:{each['id']}" for each in identities)

    @cached_property
    def root(self) -> Any:
        """The root Tiled client."""
        return from_context(self.context, structure_clients=self.structure_clients)

    def share_directory(self, directory: Path | None) -> None:
        """Store partitions as files in ``directory``, which the server reads; None for arrays."""
        self.__dict__["stored"] = Partitions(self._part(PARTITIONS), directory)

    def _part(self, key: str) -> Any:
        kept: list[Any] = []

        def container() -> Any:
            if not kept:
                kept.append(ensure(self, key))
            return kept[0]

        return container
