"""What a partition is made from but its geometry, taken out of a catalogue once, to be used anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from tiled.queries import Eq

from xpcs_mask_bluesky.masks import operation_from_json
from xpcs_mask_bluesky.store.errors import Conflict
from xpcs_mask_bluesky.store.made import RECIPE_RESOLVED, inputs_key, resolution_in
from xpcs_mask_bluesky.store.packed import Packed
from xpcs_mask_bluesky.store.publish import computed, inputs_of, recipe_in, store
from xpcs_mask_bluesky.store.state import State
from xpcs_mask_bluesky.store.uses import PARTITION
from xpcs_mask_bluesky.threads import Threads

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.store.detector import DetectorNode


@dataclass(frozen=True)
class StoredArrays:
    """The stored arrays that a detector's masks name, by digest."""

    arrays: Mapping[str, np.ndarray] = field(repr=False)

    def get(self, digest: str) -> np.ndarray:
        """Return an array, or raise ``KeyError``."""
        return self.arrays[digest]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Masks and recipe of a detector as its log told them: enough to make partitions in another process."""

    shape: tuple[int, int]
    """Of the detector: rows, columns."""
    name: str
    """Of the recipe."""
    state: State = field(repr=False)
    blobs: StoredArrays = field(repr=False)
    edges: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """By digest of a geometry, the recipe as it was resolved for it before, as JSON."""
    made: frozenset[str] = field(default=frozenset(), repr=False)
    """Digests of the geometries that have a partition under these masks and this recipe already."""

    @classmethod
    def of(cls, detector: DetectorNode, name: str) -> Inputs:
        """Return what is in force for a detector under a recipe name.

        Raises:
            LookupError: no recipe of that name is in force.
            DamagedData: a stored array is not what it should be.
        """
        state = detector.state.latest()
        recipe = recipe_in(state, name).digest
        operations = [
            operation_from_json(dict(each)) for layer in state.layers.values() for each in layer.operations
        ]
        resolved = detector.commits.read(Eq("kind", RECIPE_RESOLVED), Eq("inputs.recipe", recipe))
        edges: dict[str, Mapping[str, Any]] = {}
        for entry in resolved:  # the first one counts
            (geometry, _), told = resolution_in(entry)
            edges.setdefault(geometry, told)
        needed = {digest for operation in operations for digest in operation.needs_arrays}
        there = {"recipe": recipe, **state.digests()}
        queries = [Eq(f"inputs.{key}", digest) for key, digest in there.items()]
        entries = detector.commits.read(Eq("kind", PARTITION), *queries)
        return cls(
            shape=detector.shape,
            name=name,
            state=state,
            blobs=StoredArrays({digest: detector.blobs.get(digest) for digest in needed}),
            edges=edges,
            made=frozenset(entry.inputs["geometry"] for entry in entries),
        )

    def pack(self, record: GeometryRecord, *, run_uid: str) -> Packed:
        """Return the partition of a geometry, packed.

        Args:
            record: The geometry.
            run_uid: The run that it is made for, kept in the file.

        Raises:
            ValueError: the geometry is of another shape, or makes no partition.
        """
        if tuple(record.shape) != self.shape:
            raise ValueError(f"the geometry's shape is {record.shape}, the detector's {self.shape}")
        key = inputs_key(inputs_of(self.state, record, self.name))
        part = computed(self, self.state, record, self.name, self.edges.get(record.digest))
        return Packed.of(part, inputs=key, run_uid=run_uid, mask_revision=self.state.mask_revision)


def adopt(detector: DetectorNode, packed: Packed, *, name: str, run_uid: str) -> bool:
    """File a partition that was made elsewhere, so that publishing its geometry computes nothing.

    Returns:
        False if masks or recipe have changed since: then nothing was filed, and the partition is another.
    """
    state = detector.state.at_hand()
    inputs = inputs_of(state, packed.record, name)
    if packed.inputs != inputs_key(inputs):
        return False
    if detector.made.partition(inputs) is not None:
        return True
    edges = detector.made.resolution_at_hand(inputs)
    if edges is not None and edges != packed.recipe.model_dump(mode="json"):
        return False
    try:
        with Threads(1, "xpcs-mask-adopt") as beside:
            store(beside, detector, state, packed, inputs=inputs, run_uid=run_uid, name=name)
    except Conflict:
        detector.state.latest()
        return False
    return True
