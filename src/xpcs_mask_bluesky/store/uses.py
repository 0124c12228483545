"""Which partition belongs to which part of which run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.partitions import PartitionHandle, export

RUN_USE, PARTITION, GEOMETRY = "run use", "partition", "geometry"
PAST = "past"
"""In the lineage of a use that was told after later ones: it never was the newest."""


@dataclass(frozen=True, kw_only=True)
class GeometryNote:
    """A geometry that a run had from one event on, whether or not a partition was made for it."""

    record: GeometryRecord
    stream: str = "primary"
    first_seq_num: int = 1
    last_seq_num: int | None = None
    """None: up to the next note of the stream, or the run's end."""
    time: float = 0.0
    """Of the document that told it, seconds since the epoch."""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what the log keeps."""
        return {
            "record": self.record.model_dump(mode="json"),
            "stream": self.stream,
            "first_seq_num": self.first_seq_num,
            "last_seq_num": self.last_seq_num,
            "time": self.time,
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GeometryNote:
        """Return the note that the log keeps."""
        return cls(**{**content, "record": GeometryRecord.model_validate(content["record"])})


@dataclass(frozen=True)
class PartitionUse:
    """A partition, and the events of a run that it holds for."""

    partition: PartitionHandle
    stream: str
    first_seq_num: int
    last_seq_num: int | None
    """None: to the end of the stream."""
    time: float
    """When the geometry was measured, seconds since the epoch."""
    run_uid: str = ""
    name: str = "default"
    """Of the recipe."""
    geometry: str = ""
    """Digest of the geometry."""
    revision: int = 0
    """The log entry that says so; for one that is computed on demand, the entry of its geometry."""
    mask_revision: int = 0
    """The newest entry of mask or blemish that went into it."""
    path: str = ""
    """Of the partition's node, from Tiled's root; empty for one that is computed on demand."""

    @property
    def digest(self) -> str:
        """Of the partition."""
        return self.partition.digest

    def export(self, path: str | Path) -> Path:
        """Write the partition to a file that names its run, and return the path.

        NXxpcs if that ends in ``.nxs``, else ``/qmap`` HDF5, which names the mask revision too.

        Raises:
            OSError: the file cannot be written.
        """
        return export(
            self.partition.read(), Path(path), run_uid=self.run_uid, mask_revision=str(self.mask_revision)
        )

    def __str__(self) -> str:
        last = "end" if self.last_seq_num is None else self.last_seq_num
        return (
            f"{self.stream} {self.first_seq_num} to {last}: partition {self.partition}, geometry "
            f"{self.geometry[:8]}, revision {self.revision}"
        )

    def covers(self, event: int, stream: str) -> bool:
        """Return whether it holds for one event (from 1) of a stream."""
        last = self.last_seq_num
        return self.stream == stream and self.first_seq_num <= event and (last is None or event <= last)


def use_key(*, run_uid: str, name: str, geometry: str, stream: str, first_seq_num: int) -> str:
    """Return what makes two publications the same one, as a digest."""
    return json_digest([run_uid, name, geometry, stream, first_seq_num])


def use_of(entry: LogEntry, partition: PartitionHandle, path: str = "") -> PartitionUse:
    """Return the use that a ``run use`` entry says; ``path`` is that of the partition's node."""
    body = entry.body
    return PartitionUse(
        partition=partition,
        stream=body["stream"],
        first_seq_num=body["first_seq_num"],
        last_seq_num=body["last_seq_num"],
        time=body["time"],
        run_uid=entry.lineage["run_uid"],
        name=body["name"],
        geometry=entry.inputs["geometry"],
        revision=entry.seq,
        mask_revision=body["mask_revision"],
        path=path,
    )
