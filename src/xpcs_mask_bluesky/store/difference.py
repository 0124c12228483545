"""What changed between two masks of a detector: pixels, operations, and what each bin lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.store.lookup import latest
from xpcs_mask_bluesky.store.state import LAYERS, State
from xpcs_mask_bluesky.store.views import Point, mask_in, state_of
from xpcs_mask_bluesky.store.words import describe_action

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.detector import DetectorNode


@dataclass(frozen=True)
class BinChange:
    """What a dynamic bin lost and gained; counted in pixels."""

    index: int
    """Natural index, from 0: it stays when a label moves because a bin has emptied."""
    before: int
    """Pixels that counted in the first mask."""
    lost: int
    gained: int

    def describe(self) -> str:
        """Return one line for people."""
        gained = f", gained {self.gained}" if self.gained else ""
        return f"dynamic bin {self.index}: lost {self.lost} of {self.before} pixels{gained}"


@dataclass(frozen=True, eq=False, repr=False)
class MaskDifference:
    """What changed between two masks of a detector; it prints as a summary."""

    gained: np.ndarray
    """Boolean ``(rows, columns)``: counted only in the second."""
    lost: np.ndarray
    """Boolean ``(rows, columns)``: counted only in the first."""
    operations: tuple[str, ...]
    """What was done between them, in words, the oldest first."""
    _bins: Callable[[], tuple[BinChange, ...]]

    @cached_property
    def bins(self) -> tuple[BinChange, ...]:
        """Each dynamic bin of the newest partition that changed, by its natural index.

        Raises:
            LookupError: no partition was published yet.
        """
        return self._bins()

    def __repr__(self) -> str:
        lines = [f"{int(self.lost.sum())} pixels lost, {int(self.gained.sum())} gained"]
        lines += [f"  {words}" for words in self.operations]
        try:
            lines += [f"  {each.describe()}" for each in self.bins]
        except LookupError as error:
            lines.append(f"  bins: {error}")
        return "\n".join(lines)


def difference(
    detector: DetectorNode, a: Point, b: Point, geometry: GeometryRecord | None, name: str
) -> MaskDifference:
    """Return what changed from ``a`` to ``b``, both seen in one geometry, by default the newest."""
    first, second = state_of(detector, a), state_of(detector, b)
    before, after = (np.asarray(mask_in(detector, state, geometry)) for state in (first, second))

    def bins() -> tuple[BinChange, ...]:
        part = latest(detector, name, None).partition
        return tuple(_bin_changes(natural_dynamic_index(part.record, part.recipe), before, after))

    older, newer = sorted((first, second), key=lambda state: state.mask_revision)
    return MaskDifference(after & ~before, before & ~after, tuple(_done(older, newer)), bins)


def natural_dynamic_index(record: GeometryRecord, recipe: PartitionRecipe) -> np.ndarray:
    """Return each pixel's natural dynamic index, whatever the mask: ``(rows, columns)``, -1 = in no bin.

    Args:
        record: The geometry.
        recipe: Resolved.
    """
    from xpcs_mask_bluesky.partitions.make import natural_static_index
    from xpcs_mask_bluesky.partitions.value import dynamic_of_static
    from xpcs_mask_bluesky.qmap import q_map

    dynamic = np.append(dynamic_of_static(recipe), np.int32(-1))  # so that -1 stays -1
    return dynamic[natural_static_index(q_map(record), recipe)]


def _bin_changes(natural: np.ndarray, before: np.ndarray, after: np.ndarray) -> Iterator[BinChange]:
    number = int(natural.max(initial=-1)) + 1
    counted, lost, gained = (
        np.bincount(natural[pixels & (natural >= 0)], minlength=number)
        for pixels in (before, before & ~after, after & ~before)
    )
    for index in np.flatnonzero(lost | gained):
        yield BinChange(int(index), int(counted[index]), int(lost[index]), int(gained[index]))


def _done(older: State, newer: State) -> Iterator[str]:
    for layer in LAYERS:
        history = older.layers[layer]
        for action in newer.actions[layer][len(older.actions[layer]) :]:
            yield describe_action(action, history)
            history = history.act(action, dict)
