"""Does a partition still fit? Counted in pixels that change bin, by natural index, never by label or mm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.documents.source import UNIT_OF
from xpcs_mask_bluesky.geometry import GeometryRecord

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How many pixels may change dynamic bin before a partition counts as stale."""

    pixels: float = 0.005
    """Part of the counted pixels, 0 to 1."""
    one_bin: float = 0.05
    """Part of the pixels of any one dynamic bin, 0 to 1."""

    def __post_init__(self) -> None:
        for name, value in (("pixels", self.pixels), ("one_bin", self.one_bin)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; expected a part, 0 to 1 (0.005 is half a percent)")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changes for the pixels of a partition."""

    changed: int
    """Pixels that change dynamic bin, those that leave or enter all bins included."""
    counted: int
    """Pixels of the partition."""
    worst_bin: float
    """Largest part of one dynamic bin that leaves it, or comes into it, of what it held."""
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    """What moved: fields of the geometry, before and after."""

    def exceeds(self, tolerance: Tolerance) -> bool:
        """Return whether the partition no longer fits."""
        return self.changed > tolerance.pixels * self.counted or self.worst_bin > tolerance.one_bin

    def describe(self) -> str:
        """Return what moved, by how much, and what it costs, for people."""
        moved = ", ".join(_words(name, *values) for name, values in self.fields.items()) or "nothing moved"
        part = 100 * self.changed / max(self.counted, 1)
        return (
            f"{moved}: {self.changed} of {self.counted} pixels ({part:.3g} %) change dynamic bin, "
            f"up to {100 * self.worst_bin:.3g} % of one bin"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the facts as JSON."""
        fields = {name: list(values) for name, values in self.fields.items()}
        return {
            "changed": self.changed,
            "counted": self.counted,
            "worst_bin": self.worst_bin,
            "fields": fields,
        }


def geometry_moved(part: Partition, record: GeometryRecord) -> Comparison:
    """Return what the pixels of a partition do when its geometry is ``record``, mask and edges as they are.

    Raises:
        ValueError: the geometry is of another shape, or does not know the partition's axes.
    """
    from xpcs_mask_bluesky.partitions.make import natural_static_index
    from xpcs_mask_bluesky.partitions.value import dynamic_of_static
    from xpcs_mask_bluesky.qmap import q_map

    if record.shape != part.record.shape:
        raise ValueError(f"the geometry is {record.shape}, the partition {part.record.shape} (rows, columns)")
    coarse = np.append(dynamic_of_static(part.recipe), np.int32(-1))  # so that -1 stays -1
    after = np.where(part.mask, coarse[natural_static_index(q_map(record), part.recipe)], -1)
    return _compared(natural_dynamic(part), after, moved_fields(part.record, record))


def redone(before: Partition, after: Partition) -> Comparison:
    """Return what changes from a partition to one with the same bins: another mask, or another geometry.

    Raises:
        ValueError: their bins are others, so that their indices mean something else.
    """
    if (before.recipe.axes, before.recipe.edges) != (after.recipe.axes, after.recipe.edges):
        raise ValueError("the bins are others: the recipe has changed")
    fields = moved_fields(before.record, after.record)
    return _compared(natural_dynamic(before), natural_dynamic(after), fields)


def natural_dynamic(part: Partition) -> np.ndarray:
    """Return each pixel's natural dynamic index, ``(rows, columns)``; -1 = not counted."""
    natural = np.append(np.int64(-1), part.dynamic_index_mapping.astype(np.int64))
    return natural[part.dynamic_roi_map]


def moved_fields(before: GeometryRecord, after: GeometryRecord) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ, with both values."""
    pairs = {name: (getattr(before, name), getattr(after, name)) for name in GeometryRecord.model_fields}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _compared(was: np.ndarray, now: np.ndarray, fields: Mapping[str, tuple[Any, Any]]) -> Comparison:
    differs = was != now
    size = int(max(was.max(), now.max())) + 1
    held = np.bincount(was[was >= 0], minlength=size)
    left = np.bincount(was[differs & (was >= 0)], minlength=size)
    came = np.bincount(now[differs & (now >= 0)], minlength=size)
    parts = np.maximum(left, came)[held > 0] / held[held > 0]
    return Comparison(
        changed=int(np.count_nonzero(differs)),
        counted=int(held.sum()),
        worst_bin=float(parts.max(initial=0.0)),
        fields=fields,
    )


def _words(name: str, before: Any, after: Any) -> str:
    unit = UNIT_OF.get(name, "")
    if not (isinstance(before, float) and isinstance(after, float)):
        return f"{name} {before} → {after}"
    return f"{name} {before:.6g} → {after:.6g} {unit} ({after - before:+.3g})"
