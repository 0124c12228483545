"""From a geometry to a stored partition and the entry that links it to its run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np
from tiled.queries import Eq

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.masks import Mask, evaluate, operation_from_json
from xpcs_mask_bluesky.store.drafts import Where, key_of, partition_draft, use_draft
from xpcs_mask_bluesky.store.errors import Conflict
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.made import RECIPE_RESOLVED
from xpcs_mask_bluesky.store.state import KINDS, State
from xpcs_mask_bluesky.store.uses import PartitionUse
from xpcs_mask_bluesky.threads import Threads

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition, PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.inputs import Inputs
    from xpcs_mask_bluesky.store.packed import Packed

ATTEMPTS = 5


def publish(detector: DetectorNode, record: GeometryRecord, where: Where) -> PartitionUse:
    """Store the partition for ``record`` and link it to the run; the link is written last.

    Doing it again changes nothing. If the mask or a recipe changes meanwhile, it is done with the
    new one.

    Raises:
        LookupError: no recipe of that name is in force.
        ValueError: the detector has another shape.
    """
    detector.check_shape(record.shape, "the geometry's shape")
    # What is known suffices: whatever is committed here fails if the log has moved on.
    state = detector.state.latest() if where.republish else detector.state.at_hand()
    for _ in range(ATTEMPTS - 1):
        try:
            return _publish(detector, state, record, where)
        except Conflict:
            state = detector.state.latest()
        except (ValueError, LookupError):
            known, state = state.seq, detector.state.latest()
            if state.seq == known:
                raise
    return _publish(detector, state, record, where)


def _publish(detector: DetectorNode, state: State, record: GeometryRecord, where: Where) -> PartitionUse:
    inputs = inputs_of(state, record, where.name)
    with Threads(1, "xpcs-mask-publish") as beside:  # computes while the log is asked
        part = None
        if detector.made.partition_at_hand(inputs) is None:
            edges = detector.made.resolution_at_hand(inputs)
            part = beside.submit(computed, detector, state, record, where.name, edges)
        done = _published(detector, record, where)
        if done is not None and not where.republish:
            return done
        seq, digest = state.seq, detector.made.partition(inputs)
        if digest is None and part is not None:
            made = _with_known_edges(detector, state, part.result(), inputs, where.name)
            digest = made.digest
            seq = store(beside, detector, state, made, inputs=inputs, run_uid=where.run_uid, name=where.name)
    if done is not None and done.partition.digest == digest:
        return done
    said = {"partition": digest, "mask_revision": state.mask_revision}
    draft = use_draft(detector, record, where, inputs, said)
    same = None if where.republish else (draft.lineage["use"], where.last_seq_num)
    entry = _commit(detector, draft, seq, instead_of=same)
    detector.qmaps.offer(record)  # nobody waits for it, and it can be made later
    return detector.use_of(entry)


def _with_known_edges(
    detector: DetectorNode, state: State, part: Partition, inputs: Mapping[str, str], name: str
) -> Partition:
    """Return the partition by the edges that the log was found to tell, if it does."""
    edges = detector.made.resolution_at_hand(inputs)
    if edges is None or part.recipe.model_dump(mode="json") == edges:
        return part
    return computed(detector, state, part.record, name, edges)


def store(
    beside: Executor,
    detector: DetectorNode,
    state: State,
    part: Partition | Packed,
    *,
    inputs: Mapping[str, str],
    run_uid: str,
    name: str,
) -> int:
    """Store a partition and what leads to it; return the newest entry's number.

    Raises:
        Conflict: masks or recipes have changed since ``state``; nothing names the partition.
    """
    revision = state.mask_revision
    storing = beside.submit(detector.stored.put, part, run_uid=run_uid, mask_revision=revision)
    seq = _commit_resolution(detector, part, inputs, state.seq)
    storing.result()
    return _commit(detector, partition_draft(detector, part, inputs, name, revision), seq).seq


def inputs_of(state: State, record: GeometryRecord, name: str) -> dict[str, str]:
    """Return the digests of everything that a partition is made from."""
    recipe = recipe_in(state, name)
    return {"geometry": record.digest, "recipe": recipe.digest, **state.digests()}


def recipe_in(state: State, name: str) -> PartitionRecipe:
    """Return the recipe ``name`` in force.

    Raises:
        LookupError: there is none.
    """
    from xpcs_mask_bluesky.partitions import PartitionRecipe

    if name not in state.recipes:
        there = ", ".join(sorted(state.recipes)) or "none"
        raise LookupError(f"no recipe {name!r} is in force (there is: {there}); call set_recipe first")
    return PartitionRecipe.model_validate(dict(state.recipes[name]))


def compute(detector: DetectorNode, state: State, record: GeometryRecord, name: str) -> Partition:
    """Return the partition of a geometry under the mask and the recipe of ``state``."""
    edges = detector.made.resolution(inputs_of(state, record, name))
    return computed(detector, state, record, name, edges)


def computed(
    detector: DetectorNode | Inputs,
    state: State,
    record: GeometryRecord,
    name: str,
    edges: Mapping[str, Any] | None,
) -> Partition:
    """Return the partition of a geometry, by the edges that were resolved before, if they were."""
    from xpcs_mask_bluesky.partitions import PartitionRecipe, partition
    from xpcs_mask_bluesky.qmap import q_map

    qmap = q_map(record)
    mask, blemish = (np.asarray(each) for each in masks(detector, state, qmap))
    return partition(
        qmap,
        mask,
        recipe_in(state, name),
        blemish=blemish,
        resolved=None if edges is None else PartitionRecipe.model_validate(dict(edges)),
    )


def masks(detector: DetectorNode | Inputs, state: State, qmap: QMap | None) -> tuple[Mask, Mask]:
    """Return mask and blemish of ``state``; the mask counts no pixel that the blemish rejects.

    Raises:
        LookupError: an operation depends on the geometry, and ``qmap`` is None.
    """
    layers: dict[str, Mask] = {}
    for layer, history in state.layers.items():
        operations = [operation_from_json(dict(each)) for each in history.operations]
        if qmap is None and any(each.needs_qmap for each in operations):
            raise LookupError(f"the {layer} depends on the geometry, and none is known yet; pass geometry=")
        layers[layer] = evaluate(operations, shape=detector.shape, qmap=qmap, arrays=detector.blobs.get)
    blemish = layers["blemish"]
    return Mask(np.asarray(layers["mask"]) & np.asarray(blemish)), blemish


def _published(detector: DetectorNode, record: GeometryRecord, where: Where) -> PartitionUse | None:
    entry = detector.commits.last(Eq("lineage.use", key_of(record, where)))
    if entry is None or entry.body["last_seq_num"] != where.last_seq_num:
        return None
    return detector.use_of(entry)


def _commit_resolution(
    detector: DetectorNode, part: Partition | Packed, inputs: Mapping[str, str], seq: int
) -> int:
    """Keep the edges that were taken from the data, so that they never move again."""
    if part.requested.is_resolved or detector.made.resolution_at_hand(inputs) is not None:
        return seq
    draft = Draft(
        kind=RECIPE_RESOLVED,
        author=detector.author,
        principal=detector.principal,
        inputs=dict(inputs),
        body={"recipe": part.recipe.model_dump(mode="json")},
    )
    return _commit(detector, draft, seq).seq


def _commit(
    detector: DetectorNode,
    draft: Draft,
    seq: int,
    *,
    instead_of: tuple[str, int | None] | None = None,
) -> LogEntry:
    """Append; a change of mask, blemish or recipes since ``seq`` is a conflict."""

    def same_use(entry: LogEntry) -> bool:
        said = entry.lineage.get("use"), entry.body.get("last_seq_num")
        return instead_of is not None and said == instead_of

    def moved(entry: LogEntry) -> bool:
        if entry.kind == RECIPE_RESOLVED:
            return all(entry.inputs[key] == draft.inputs[key] for key in ("geometry", "recipe"))
        return entry.kind in KINDS

    entry = detector.commits.append(draft, since=seq, conflicts=moved, instead=same_use)
    detector.state.took(entry)
    detector.made.took(entry)
    return entry
