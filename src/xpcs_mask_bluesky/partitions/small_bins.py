# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Static bins with few pixels: named, and dropped or merged where a recipe asks for it.

A correlator's g2 is the unweighted mean over the static bins of a dynamic one, so that one hot pixel in a
small static bin counts much. Merged bins share the natural index of the one among them that has most pixels;
which are merged is resolved once, like edges, so that masking moves no pixel to another bin. What is
dropped follows the mask: its pixels do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.grid import Grid
from xpcs_mask_bluesky.partitions.labels import Labels, label_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap

    Counts = NDArray[np.int64]


@dataclass(frozen=True)
class SmallBins:
    """Bins that have fewer pixels than a recipe's minimum, by natural index."""

    minimum: int
    dynamic: Mapping[int, int]
    """Pixels of each dynamic bin below the minimum, which is there all the same."""
    static: Mapping[int, int]
    """Pixels of each static bin below the minimum that is there all the same."""
    dropped: Mapping[int, int]
    """Pixels that each dropped static bin had: they do not count any more."""
    merged: Mapping[int, int]
    """Of each static bin that was merged, the one that its pixels went into."""

    def __str__(self) -> str:
        words = [
            f"{len(bins)} {what}: {', '.join(map(str, list(bins)[:8]))}{', …' if len(bins) > 8 else ''}"
            for what, bins in (
                ("dynamic bins kept", self.dynamic),
                ("static bins kept", self.static),
                ("static bins dropped", self.dropped),
                ("static bins merged into others", self.merged),
            )
            if bins
        ]
        return f"fewer than {self.minimum} pixels: {'; '.join(words) or 'no bin'}"


def below(counts: Counts, mapping: NDArray[np.integer], minimum: int) -> dict[int, int]:
    """Return pixels by natural index of the labels that have fewer than ``minimum``."""
    few = np.flatnonzero(counts < minimum)
    return {int(mapping[label]): int(counts[label]) for label in few}


def treated(labels: Labels, recipe: PartitionRecipe) -> tuple[Labels, PartitionRecipe]:
    """Return labels after merging and dropping, and the recipe that says what was dropped."""
    if recipe.small_bins == "keep":
        return labels, recipe
    fine, coarse = (Grid.of(recipe, kind) for kind in ("static", "dynamic"))
    mapping = labels.static_index_mapping.astype(np.int64)
    target = mapping
    dropped: dict[int, int] = {}
    if recipe.small_bins == "merge":
        into = dict(recipe.merged or ())
        target = np.array([into.get(int(natural), natural) for natural in mapping], dtype=np.int64)
    else:
        dropped = below(labels.static_counts, mapping, recipe.minimum_pixels)
        target = np.where(labels.static_counts < recipe.minimum_pixels, -1, mapping)
    used = recipe.model_copy(update={"dropped": tuple(dropped.items())})
    return _relabelled(labels, target, fine.parents(coarse)), used


def _relabelled(labels: Labels, target: NDArray[np.integer], parents: NDArray[np.integer]) -> Labels:
    """Return labels with each static label's pixels in the natural bin ``target``; -1 for none."""
    kept = target >= 0
    counts = np.bincount(target[kept], labels.static_counts[kept], len(parents)).astype(np.int64)
    table = label_table(counts, parents)
    by_label = np.concatenate([[0], target + 1])
    static = table.static_label[by_label][labels.static_roi_map]
    return Labels(
        mask=static > 0,
        dynamic_roi_map=table.dynamic_label[by_label][labels.static_roi_map],
        static_roi_map=static,
        dynamic_index_mapping=table.dynamic_mapping,
        static_index_mapping=table.static_mapping,
        static_counts=table.static_counts,
    )


def merges(qmap: QMap, mask: NDArray[np.bool_], recipe: PartitionRecipe) -> tuple[tuple[int, int], ...]:
    """Return which natural static bin goes into which, for a recipe with all its edges.

    Within each dynamic bin the static bins are walked to and fro, row by row, and taken together until they
    have enough pixels; what is left at the end joins those before it.
    """
    fine, coarse = (Grid.of(recipe, kind) for kind in ("static", "dynamic"))
    natural = fine.natural_index(qmap)[mask]
    counts = np.bincount(natural[natural >= 0], minlength=int(np.prod(fine.num_pts)))
    filled = np.flatnonzero(counts)
    rows, columns = np.divmod(filled, fine.num_pts[1])
    order = np.lexsort((np.where(rows % 2, -columns, columns), rows, fine.parents(coarse)[filled]))
    walked = filled[order]
    inside = fine.parents(coarse)[walked]
    ends = np.flatnonzero(np.diff(inside)) + 1
    found = [
        (int(each), _fullest(together, counts))
        for dynamic in np.split(walked, ends)
        for together in _together(dynamic, counts, recipe.minimum_pixels)
        for each in together
    ]
    return tuple(sorted((each, into) for each, into in found if each != into))


def _together(bins: NDArray[np.intp], counts: Counts, minimum: int) -> list[list[int]]:
    found: list[list[int]] = [[]]
    pixels = 0
    for each in bins.tolist():
        if pixels >= minimum:
            found.append([])
            pixels = 0
        found[-1].append(each)
        pixels += int(counts[each])
    if pixels < minimum and len(found) > 1:
        rest = found.pop()
        found[-1].extend(rest)
    return found


def _fullest(bins: list[int], counts: Counts) -> int:
    return min(bins, key=lambda each: (-int(counts[each]), each))
