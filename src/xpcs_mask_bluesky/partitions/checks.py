"""What must hold of a partition, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.counting import AT_ONCE, THREADS, label_counts
from xpcs_mask_bluesky.partitions.grid import Grid
from xpcs_mask_bluesky.threads import Threads, threads_at_most

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.value import Partition

    Labels = NDArray[np.unsignedinteger]


def check_partition(part: Partition) -> None:
    """Raise ``ValueError`` unless everything holds that must hold of a partition."""
    if _holds(part):
        return
    _check_maps(part)
    for name, labels, mapping, size in (
        ("dynamic", part.dynamic_roi_map, part.dynamic_index_mapping, part.recipe.dynamic),
        ("static", part.static_roi_map, part.static_index_mapping, part.recipe.static),
    ):
        _check_labels(name, labels, mapping, size[0] * size[1])
    _check_nesting(part)


def _holds(part: Partition) -> bool:
    """Return whether all of it holds, found out in one pass over the maps; what does not, the rest tells."""
    maps = (part.static_roi_map, part.dynamic_roi_map, part.mask, part.blemish)
    static, bins = part.static_roi_map, len(part.static_index_mapping)
    if any(each.shape != part.record.shape for each in maps) or static.dtype.kind != "u":
        return False
    table = _dynamic_of_static_label(part)
    if table is None or static.max(initial=0) != bins:
        return False
    if not label_counts(static, part.mask, bins + 1)[1:].all():
        return False
    flat = [each.reshape(-1) for each in maps]

    def agree(start: int) -> bool:
        fine, coarse, mask, good = (each[start : start + AT_ONCE] for each in flat)
        return (
            np.array_equal(table[fine], coarse)
            and np.array_equal(fine > 0, mask)
            and not (mask & ~good).any()
        )

    with Threads(threads_at_most(THREADS)) as threads:
        return all(threads.map(agree, range(0, static.size, AT_ONCE)))


def _dynamic_of_static_label(part: Partition) -> Labels | None:
    """Return the dynamic label of each static one, 0 for 0; None if mappings and recipe do not agree."""
    fine, coarse = (Grid.of(part.recipe, kind) for kind in ("static", "dynamic"))
    static, dynamic = (
        each.astype(np.int64) for each in (part.static_index_mapping, part.dynamic_index_mapping)
    )
    for mapping, size in ((static, part.recipe.static), (dynamic, part.recipe.dynamic)):
        if not len(mapping) or (np.diff(mapping) <= 0).any():
            return None
        if not 0 <= mapping[0] <= mapping[-1] < size[0] * size[1]:
            return None
    parents = fine.parents(coarse)[static]
    label = np.searchsorted(dynamic, parents)
    if label.max() >= len(dynamic) or not np.array_equal(dynamic[label], parents):
        return None
    if len(np.unique(label)) != len(dynamic):
        return None
    return np.concatenate([[0], label + 1]).astype(part.dynamic_roi_map.dtype)


def _check_maps(part: Partition) -> None:
    arrays = {
        "mask": part.mask,
        "blemish": part.blemish,
        "dynamic_roi_map": part.dynamic_roi_map,
        "static_roi_map": part.static_roi_map,
    }
    for name, array in arrays.items():
        if array.shape != part.record.shape:
            raise ValueError(f"{name} is {array.shape}, the detector {part.record.shape}")
    for name in ("dynamic_roi_map", "static_roi_map"):
        if not np.array_equal(arrays[name] > 0, part.mask):
            raise ValueError(f"{name} and mask disagree about which pixels count")
    if (part.mask & ~part.blemish).any():
        raise ValueError("the mask counts pixels that the blemish rejects")


def _check_labels(name: str, labels: Labels, mapping: NDArray[np.integer], size: int) -> None:
    counts = np.bincount(labels.ravel(), minlength=len(mapping) + 1)
    if len(counts) != len(mapping) + 1 or not counts[1:].all():
        raise ValueError(f"labels of the {name} map have gaps: {len(mapping)} expected without any")
    natural = mapping.astype(np.int64)
    if (np.diff(natural) <= 0).any() or (len(natural) and not 0 <= natural[0] <= natural[-1] < size):
        raise ValueError(f"{name}_index_mapping must increase strictly within 0..{size - 1}")


def _check_nesting(part: Partition) -> None:
    fine, dynamic_bins = (Grid.of(part.recipe, kind) for kind in ("static", "dynamic"))
    coarse = fine.parents(dynamic_bins)
    static = part.static_index_mapping[part.static_roi_map[part.mask].astype(np.intp) - 1]
    dynamic = part.dynamic_index_mapping[part.dynamic_roi_map[part.mask].astype(np.intp) - 1]
    if not np.array_equal(coarse[static], dynamic):
        raise ValueError("a static bin reaches into another dynamic bin than its recipe says")
