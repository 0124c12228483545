"""Who is told of exported masks and partitions: plain functions, where the viewer has Qt signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from xpcs_mask_bluesky.masks import Mask

Listener = Callable[[Any], object]
EXPORTED = ("partition_map", "val_list", "num_list", "num_pts")
"""What the viewer is told of a partition."""


class Exports:
    """Functions that are told of each export; neither side knows the other."""

    def __init__(self) -> None:
        self._of_masks: list[Listener] = []
        self._of_partitions: list[Listener] = []

    def on_mask(self, function: Listener) -> Listener:
        """Call ``function(array)`` with every mask that is exported: int32, 0 and 1. Returns it."""
        self._of_masks.append(function)
        return function

    def on_partition(self, function: Listener) -> Listener:
        """Call ``function(dictionary)`` with every partition that is exported. Returns it."""
        self._of_partitions.append(function)
        return function

    def mask_exported(self, array: np.ndarray) -> None:
        """Tell a mask to all that asked :meth:`on_mask`, as int32 of 0 and 1, each its own copy.

        Raises:
            ValueError: If it is no mask.
        """
        exported = np.asarray(Mask(array)).astype(np.int32)
        for function in self._of_masks:
            function(exported.copy())

    def qmap_exported(self, partition: Mapping[str, Any]) -> None:
        """Tell a partition to all that asked :meth:`on_partition`.

        Args:
            partition: With ``partition_map``, ``val_list``, ``num_list`` and ``num_pts``.

        Raises:
            ValueError: If one of them is missing.
        """
        if missing := [name for name in EXPORTED if name not in partition]:
            raise ValueError(f"the partition has no {', '.join(missing)}")
        for function in self._of_partitions:
            function(dict(partition))
