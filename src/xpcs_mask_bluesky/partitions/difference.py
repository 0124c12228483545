# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""What changes from one partition to another: by natural index, which never moves, not by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.grid import Kind
    from xpcs_mask_bluesky.partitions.value import Partition

    Bits = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class BinChange:
    """What happens to one bin."""

    label: int
    """Before; 0 for a bin that was empty."""
    new_label: int
    """After; 0 for a bin that is empty now."""
    pixels: int
    """Before."""
    came: int
    """Pixels that it did not hold before."""
    went: int
    """Pixels that it does not hold any more."""


@dataclass(frozen=True, kw_only=True)
class BinChanges:
    """What happens to the dynamic or the static bins. Maps are ``(rows, columns)``, read-only."""

    bins: Mapping[int, BinChange]
    """By natural index, each bin whose pixels or whose label change."""
    moved: Bits
    """Pixels that both count, in different bins."""
    relabelled: bool
    """Whether a bin that stays filled has another label: what was kept by label belongs elsewhere now."""


@dataclass(frozen=True, kw_only=True)
class PartitionDifference:
    """What changes from a first partition to a second. Maps are ``(rows, columns)``, read-only."""

    gained: Bits
    """Pixels that only the second counts."""
    lost: Bits
    """Pixels that only the first counts."""
    dynamic: BinChanges
    static: BinChanges
    same_edges: bool
    """Whether bins of the same natural index have the same edges."""

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return not self.same_edges or bool(self.dynamic.bins or self.static.bins)

    def __str__(self) -> str:
        if not self:
            return "no pixel changes its bin"
        lines = [
            f"{np.count_nonzero(self.gained)} pixels more, {np.count_nonzero(self.lost)} fewer"
            + ("" if self.same_edges else "; the edges differ")
        ]
        for name, changes in (("dynamic", self.dynamic), ("static", self.static)):
            labels = "labels shift" if changes.relabelled else "labels stay"
            moved = np.count_nonzero(changes.moved)
            lines.append(f"{name}: {moved} pixels move; {len(changes.bins)} bins change; {labels}")
        return "\n".join(lines)


def difference(first: Partition, second: Partition) -> PartitionDifference:
    """Return what changes (see :meth:`Partition.diff`)."""
    _check_comparable(first, second)
    gained, lost = second.mask & ~first.mask, first.mask & ~second.mask
    for each in (gained, lost):
        each.flags.writeable = False
    return PartitionDifference(
        gained=gained,
        lost=lost,
        dynamic=_changes(first, second, "dynamic"),
        static=_changes(first, second, "static"),
        same_edges=_same_edges(first, second),
    )


def _same_edges(first: Partition, second: Partition) -> bool:
    turned = ("phi_offset", "symmetry_fold", "ellipse")  # what makes the values that edges divide
    return all(getattr(first.recipe, name) == getattr(second.recipe, name) for name in turned) and all(
        np.array_equal(one, other)
        for kind in ("dynamic", "static")
        for one, other in zip(getattr(first, kind).edges, getattr(second, kind).edges, strict=True)
    )


def _check_comparable(first: Partition, second: Partition) -> None:
    for what, one, other in (
        ("the detector's shape", first.record.shape, second.record.shape),
        ("axes", first.recipe.axes, second.recipe.axes),
        ("dynamic numbers of bins", first.recipe.dynamic, second.recipe.dynamic),
        ("static numbers of bins", first.recipe.static, second.recipe.static),
        ("groups' dynamic and static numbers of bins", _groups(first), _groups(second)),
    ):
        if one != other:
            raise ValueError(f"{what} differ, {one} and {other}: natural indices do not tell the same bins")


def _groups(part: Partition) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [(each.dynamic, each.static) for each in part.recipe.groups]


def natural_map(part: Partition, kind: Kind) -> NDArray[np.int64]:
    """Return the natural index of each pixel's bin, merged ones being one: -1 for a pixel not counted."""
    labels = part.dynamic_roi_map if kind == "dynamic" else part.static_roi_map
    mapping = part.dynamic_index_mapping if kind == "dynamic" else part.static_index_mapping
    return np.concatenate([[-1], mapping.astype(np.int64)])[labels]


def _changes(first: Partition, second: Partition, kind: Kind) -> BinChanges:
    before, after = natural_map(first, kind), natural_map(second, kind)
    bins = int(np.prod(first.recipe.dynamic if kind == "dynamic" else first.recipe.static))
    differs = before != after
    moved = differs & (before >= 0) & (after >= 0)
    moved.flags.writeable = False
    pixels = _counts(before, bins)
    came, went = _counts(after[differs], bins), _counts(before[differs], bins)
    label, new_label = (_labels(part, kind, bins) for part in (first, second))
    found = {
        int(natural): BinChange(
            label=int(label[natural]),
            new_label=int(new_label[natural]),
            pixels=int(pixels[natural]),
            came=int(came[natural]),
            went=int(went[natural]),
        )
        for natural in np.flatnonzero((came > 0) | (went > 0) | (label != new_label))
    }
    shifted = (label != new_label) & (label > 0) & (new_label > 0)
    return BinChanges(bins=found, moved=moved, relabelled=bool(shifted.any()))


def _counts(natural: NDArray[np.int64], bins: int) -> NDArray[np.int64]:
    return np.bincount(natural[natural >= 0], minlength=bins)


def _labels(part: Partition, kind: Kind, bins: int) -> NDArray[np.int64]:
    """Return the label of each natural index, 0 for an empty bin."""
    mapping = part.dynamic_index_mapping if kind == "dynamic" else part.static_index_mapping
    labels = np.zeros(bins, dtype=np.int64)
    labels[mapping.astype(np.int64)] = np.arange(1, len(mapping) + 1)
    return labels
