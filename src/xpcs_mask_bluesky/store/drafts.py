"""What publishing writes into the log: of a partition, and of its use in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.store.log import Draft
from xpcs_mask_bluesky.store.made import inputs_key
from xpcs_mask_bluesky.store.uses import PARTITION, PAST, RUN_USE, use_key

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.packed import Packed


@dataclass(frozen=True, kw_only=True)
class Where:
    """The part of a run that a partition is for."""

    run_uid: str
    name: str
    stream: str
    first_seq_num: int
    last_seq_num: int | None
    time: float
    provenance: Mapping[str, Any]
    republish: bool = False
    """Link the run anew, although it is linked, if its partition would be another one now."""
    past: bool = False
    """Whether it is for its run alone, and the newest partition stays what it is."""


def partition_draft(
    detector: DetectorNode, part: Partition | Packed, inputs: Mapping[str, str], name: str, revision: int
) -> Draft:
    """Return what the log will say of a partition."""
    lineage = {
        "inputs": inputs_key(inputs),
        "partition": part.digest,
        "geometry": inputs["geometry"],
        "name": name,
    }
    body = {
        "partition": part.digest,
        "record": part.record.model_dump(mode="json"),
        "mask_revision": revision,
        "labels": [len(part.dynamic_index_mapping), len(part.static_index_mapping)],
    }
    return Draft(
        kind=PARTITION,
        author=detector.author,
        principal=detector.principal,
        inputs=dict(inputs),
        lineage=lineage,
        body=body,
    )


def use_draft(
    detector: DetectorNode,
    record: GeometryRecord,
    where: Where,
    inputs: Mapping[str, str],
    said: Mapping[str, Any],
) -> Draft:
    """Return what the log will say of a partition's use in a run; ``said`` names the partition."""
    lineage = {
        "run_uid": where.run_uid,
        "use": key_of(record, where),
        "partition": said["partition"],
        "name": where.name,
        "time": where.time,
        **({PAST: True} if where.past else {}),
    }
    body = {
        **said,
        "name": where.name,
        "stream": where.stream,
        "first_seq_num": where.first_seq_num,
        "last_seq_num": where.last_seq_num,
        "time": where.time,
        "record": record.model_dump(mode="json"),
        "provenance": dict(where.provenance),
    }
    return Draft(
        kind=RUN_USE,
        author=detector.author,
        principal=detector.principal,
        inputs=dict(inputs),
        lineage=lineage,
        body=body,
    )


def key_of(record: GeometryRecord, where: Where) -> str:
    """Return what makes two uses the same one."""
    return use_key(
        run_uid=where.run_uid,
        name=where.name,
        geometry=record.digest,
        stream=where.stream,
        first_seq_num=where.first_seq_num,
    )
