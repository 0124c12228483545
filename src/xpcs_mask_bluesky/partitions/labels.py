"""From natural indices to labels without gaps: what both the fast and the generic path hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.bins import smallest_unsigned

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Labels:
    """Both label maps of a mask. Arrays are ``(rows, columns)``; 0 = not counted."""

    mask: NDArray[np.bool_]
    """True exactly where both maps are above 0."""
    dynamic_roi_map: NDArray[np.unsignedinteger]
    static_roi_map: NDArray[np.unsignedinteger]
    dynamic_index_mapping: NDArray[np.integer]
    static_index_mapping: NDArray[np.integer]
    static_counts: NDArray[np.int64]
    """Pixels of each static label, from label 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """How natural indices become labels, for the whole partition at once."""

    static_label: NDArray[np.unsignedinteger]
    """By natural static index + 1; 0 stays 0."""
    dynamic_label: NDArray[np.unsignedinteger]
    """By natural static index + 1: static bins nest, so a pixel's static bin tells its dynamic one."""
    static_mapping: NDArray[np.integer]
    dynamic_mapping: NDArray[np.integer]
    static_counts: NDArray[np.int64]


def label_table(counts: NDArray[np.integer], dynamic_of_static: NDArray[np.integer]) -> Table:
    """Return the labels that pixel counts lead to.

    Args:
        counts: Pixels of each natural static bin.
        dynamic_of_static: Natural dynamic index of each natural static one.
    """
    filled = np.flatnonzero(counts)
    parents = dynamic_of_static[filled]
    dynamic = np.unique(parents)
    static_label = np.zeros(len(counts) + 1, dtype=smallest_unsigned(len(filled)))
    static_label[filled + 1] = np.arange(1, len(filled) + 1)
    dynamic_label = np.zeros(len(counts) + 1, dtype=smallest_unsigned(len(dynamic)))
    dynamic_label[filled + 1] = np.searchsorted(dynamic, parents) + 1
    return Table(
        static_label=static_label,
        dynamic_label=dynamic_label,
        static_mapping=index_mapping(filled),
        dynamic_mapping=index_mapping(dynamic),
        static_counts=counts[filled].astype(np.int64),
    )


def index_mapping(filled: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return the natural index of each label, in the smallest unsigned type."""
    return filled.astype(smallest_unsigned(int(filled[-1]) if len(filled) else 0))
