# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The nominal grid of bins: natural indices, edges and centres, of one group or of several.

Several groups make a block grid: dimension 0 is the bins of all groups one after another, and so is
dimension 1. What lies beside the diagonal blocks is empty for ever, so that an index mapping and a list of
centres for each dimension mean the same as of one group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from xpcs_mask_bluesky.partitions.axes import AZIMUTHS, WHOLE, label_values
from xpcs_mask_bluesky.partitions.azimuth import label_period, nominal_azimuth, unwrapped
from xpcs_mask_bluesky.partitions.bins import bin_index, parents, thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.axis_bins import Edges, Spacing
    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int32]

Kind = Literal["dynamic", "static"]

WHOLE_TURN = (-180.0, 180.0)
"""Edges of the one bin of phi beside one axis alone."""


@dataclass(frozen=True)
class Side:
    """The bins of one group along one dimension."""

    dimension: str
    edges: Edges
    spacing: Spacing
    start: int
    """Its first bin's number along the dimension of the whole grid."""
    takes_all: bool = False
    """Whether its only bin holds every pixel, whatever its value: the second dimension of one axis alone."""


Block = tuple[Side, Side]


@dataclass(frozen=True)
class Grid:
    """The dynamic or the static bins of a resolved recipe."""

    recipe: PartitionRecipe
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, recipe: PartitionRecipe, kind: Kind) -> Grid:
        """Return the grid of a resolved recipe."""
        blocks: list[Block] = []
        starts = [0, 0]
        for bins in recipe.axis_bins():
            sides: list[Side] = []
            for dimension, each in enumerate(bins):
                edges = each.edges if kind == "dynamic" else each.static_edges
                if edges is None:
                    raise ValueError(f"{each.where} has no {kind} edges yet: resolve the recipe first")
                sides.append(Side(each.axis, edges, each.spacing, starts[dimension]))
                starts[dimension] += len(edges) - 1
            if len(sides) == 1:
                sides.append(_whole(recipe.dimensions[1]))
            blocks.append((sides[0], sides[1]))
        return cls(recipe, tuple(blocks))

    @property
    def num_pts(self) -> tuple[int, int]:
        """Number of bins along each dimension."""
        first, second = (side.start + len(side.edges) - 1 for side in self.blocks[-1])
        return first, second

    @property
    def cells(self) -> int:
        """Number of bins that can hold a pixel: those of the blocks."""
        return sum((len(a.edges) - 1) * (len(b.edges) - 1) for a, b in self.blocks)

    def sides(self, dimension: int) -> tuple[Side, ...]:
        """Return the groups' bins along one dimension, in order."""
        sides = (block[dimension] for block in self.blocks)
        return tuple({side.start: side for side in sides}.values())

    def edges(self, dimension: int) -> Floats:
        """Return the edges along one dimension; of several groups one after another."""
        return np.concatenate([np.asarray(side.edges) for side in self.sides(dimension)])

    def intervals(self, dimension: int) -> Floats:
        """Return the lower and upper edge of each bin along one dimension, ``(bins, 2)``."""
        bounds = [np.asarray(side.edges) for side in self.sides(dimension)]
        return np.concatenate([np.stack([each[:-1], each[1:]], axis=1) for each in bounds])

    def centers(self, dimension: int) -> Floats:
        """Return the nominal centres along one dimension, in the axis' unit."""
        return np.concatenate([_centers(side, self.recipe) for side in self.sides(dimension)])

    def natural_index(self, qmap: QMap) -> Indices:
        """Return each pixel's natural index, ``(rows, columns)``, whatever the mask: -1 = in no bin."""
        values = [label_values(qmap, name, self.recipe) for name in self.recipe.axes]
        if len(values) == 1:
            values.append(np.zeros(qmap.shape))
        if len(self.blocks) == 1:
            return self._in_block(self.blocks[0], values)[0]
        return self._in_blocks([each.ravel() for each in values]).reshape(qmap.shape)

    def _in_blocks(self, values: list[Floats]) -> Indices:
        natural = np.full(len(values[0]), -1, dtype=np.int32)
        closing: list[tuple[NDArray[np.intp], Indices]] = []
        for block in self.blocks:
            at = self._candidates(block, values)
            found, last = self._in_block(block, [each[at] for each in values])
            inside = (found >= 0) & ~last
            natural[at[inside]] = found[inside]
            closing.append((at[last], found[last]))
        # a pixel on an edge that two groups share belongs to the one that begins there
        for at, found in closing:
            free = natural[at] < 0
            natural[at[free]] = found[free]
        return natural

    def _candidates(self, block: Block, values: list[Floats]) -> NDArray[np.intp]:
        """Return the pixels that one side alone does not rule out: a peak has few of all."""
        for side, each in zip(block, values, strict=True):
            if not (side.takes_all or self._crosses(side)):
                lower, top = thresholds(side.edges)
                return np.flatnonzero((each >= lower[0]) & (each <= top))
        return np.arange(len(values[0]))

    def _in_block(self, block: Block, values: list[Floats]) -> tuple[Indices, NDArray[np.bool_]]:
        """Return natural indices in one group, and whether a pixel lies on an edge where it ends."""
        rows, columns = (self._along(side, each) for side, each in zip(block, values, strict=True))
        found = (rows[0] + block[0].start) * np.int32(self.num_pts[1]) + columns[0] + block[1].start
        outside = (rows[0] < 0) | (columns[0] < 0)
        found[outside] = -1
        return found, (rows[1] | columns[1]) & ~outside

    def _along(self, side: Side, values: Floats) -> tuple[Indices, NDArray[np.bool_]]:
        if side.takes_all:
            return np.zeros(values.shape, np.int32), np.zeros(values.shape, bool)
        lower, _ = thresholds(side.edges)
        if self._crosses(side):
            values = unwrapped(values, float(lower[0]), label_period(self.recipe.symmetry_fold)[1])
        return bin_index(values, side.edges), values >= lower[-1]

    def _crosses(self, side: Side) -> bool:
        """Return whether an azimuth's bins reach across where the angle that labels starts anew."""
        return side.dimension in AZIMUTHS and not fits_period(side.edges, self.recipe.symmetry_fold)

    def parents(self, coarse: Grid) -> Indices:
        """Return the natural index in ``coarse`` of each natural index here, by the nested edges."""
        first, second = (
            np.concatenate(
                [
                    parents(fine.edges, side.edges) + np.int32(side.start)
                    for fine, side in zip(self.sides(dimension), coarse.sides(dimension), strict=True)
                ]
            )
            for dimension in (0, 1)
        )
        return (first[:, None] * np.int32(coarse.num_pts[1]) + second[None, :]).ravel()


def _whole(dimension: str) -> Side:
    """Return the second dimension of one axis alone."""
    edges = (-np.inf, np.inf) if dimension == WHOLE else WHOLE_TURN
    return Side(dimension, edges, "linear", 0, takes_all=True)


def fits_period(edges: Edges, fold: int) -> bool:
    """Return whether an azimuth's bins lie where the angle that labels does, across no end of it."""
    start, period = label_period(fold)
    return start <= edges[0] and edges[-1] <= start + period


def _centers(side: Side, recipe: PartitionRecipe) -> Floats:
    bounds = np.asarray(side.edges)
    if side.takes_all:
        return np.zeros(1)
    low, high = bounds[:-1], bounds[1:]
    centers = np.sqrt(low * high) if side.spacing == "log" else (low + high) / 2
    if side.dimension in AZIMUTHS:
        centers = nominal_azimuth(centers, recipe.phi_offset, recipe.symmetry_fold)
    return centers
