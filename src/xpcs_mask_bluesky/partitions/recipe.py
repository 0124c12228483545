# numpy and pydantic leave some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""How pixels are grouped into bins: :class:`PartitionRecipe`, and the edges that follow from it."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.partitions.azimuth import label_coordinate

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.qmap import QMap

Spacing = Literal["linear", "log"]
Edges = Annotated[tuple[FiniteFloat, ...], Field(min_length=2)]
Pair = tuple[PositiveInt, PositiveInt]
_MOST_BINS = 2**31 - 1


class PartitionRecipe(BaseModel):
    """Dynamic bins for g2 and the static bins nested in them, over two axes of the Q-map.

    Edges and ranges of ``phi`` are those of the angle that labels: shifted by ``phi_offset`` and
    wrapped to ±180, then, for ``symmetry_fold`` > 1, folded to 0 … 360 / fold.

    Raises:
        ValueError: (pydantic's) naming the field, what came and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axes: tuple[str, str] = ("q", "phi")
    dynamic: Pair
    """Number of dynamic bins along each axis."""
    static: Pair
    """Number of static bins along each axis, a multiple of the dynamic number."""
    spacing: Spacing | tuple[Spacing, Spacing] = "linear"
    """One for each axis; one word alone is the first axis', and the second is linear."""
    edges: dict[str, Edges] = Field(default_factory=dict)
    """Dynamic edges by axis, strictly increasing, in the axis' unit."""
    static_edges: dict[str, Edges] = Field(default_factory=dict)
    """Static edges by axis; they contain the dynamic ones."""
    ranges: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field(default_factory=dict)
    """Limits by axis; without edges or a range the limits are those of the mask's pixels."""
    phi_offset: FiniteFloat = 0.0
    """Added to phi before it labels, in degrees."""
    symmetry_fold: PositiveInt = 1

    @model_validator(mode="after")
    def _check(self) -> PartitionRecipe:
        if self.axes[0] == self.axes[1]:
            raise ValueError(f"axes are {self.axes}; expected two different ones")
        for given in (self.edges, self.static_edges, self.ranges):
            if unknown := set(given) - set(self.axes):
                raise ValueError(f"{sorted(unknown)} is no axis of this recipe, {self.axes}")
        if math.prod(self.static) > _MOST_BINS:
            raise ValueError(f"static={self.static} is more bins than a label can count")
        for dimension, axis in enumerate(self.axes):
            self._check_axis(dimension, axis)
        return self

    def _check_axis(self, dimension: int, axis: str) -> None:
        dynamic, static = self.dynamic[dimension], self.static[dimension]
        if axis not in self.static_edges and static % dynamic:
            raise ValueError(
                f"static={static} on {axis} is no multiple of dynamic={dynamic}; "
                f"the static bins must nest: try {-(-static // dynamic) * dynamic}"
            )
        _check_edges(f"edges of {axis}", self.edges.get(axis), dynamic)
        _check_edges(f"static_edges of {axis}", self.static_edges.get(axis), static)
        if axis in self.ranges:
            if axis in self.edges or axis in self.static_edges:
                raise ValueError(f"{axis} has edges and a range; give one of them")
            _check_edges(f"range of {axis}", self.ranges[axis], 1)
        limits = self.edges.get(axis) or self.static_edges.get(axis) or self.ranges.get(axis)
        if limits is not None and self.spacing_of(axis) == "log" and limits[0] <= 0:
            raise ValueError(f"{axis} starts at {limits[0]:g}; log spacing needs a positive limit")
        if axis in self.static_edges:
            self._check_nesting(axis, dynamic, static)

    def _check_nesting(self, axis: str, dynamic: int, static: int) -> None:
        if axis in self.edges:
            fine = self.static_edges[axis]
            coarse = self.edges[axis]
            if missing := sorted(set(coarse) - set(fine)):
                raise ValueError(f"static_edges of {axis} lack the dynamic edges {missing[:3]}")
            if (coarse[0], coarse[-1]) != (fine[0], fine[-1]):
                raise ValueError(f"static_edges of {axis} reach beyond its dynamic edges")
        elif static % dynamic:
            raise ValueError(f"{static} static bins on {axis} do not nest in {dynamic}; give edges=")

    def spacing_of(self, axis: str) -> Spacing:
        """Return whether an axis' bins are equal in width or in ratio."""
        if isinstance(self.spacing, tuple):
            return self.spacing[self.axes.index(axis)]
        return self.spacing if axis == self.axes[0] else "linear"

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content, 64 hexadecimal characters."""
        # Not cached: pydantic's model_copy(update=…) would take the old digest along.
        return json_digest({"recipe": self.model_dump(mode="json")})

    @property
    def is_resolved(self) -> bool:
        """Whether every axis has both its edges, so that no pixel's value decides about a bin."""
        return all(axis in self.edges and axis in self.static_edges for axis in self.axes)

    def resolve(self, qmap: QMap, mask: ArrayLike) -> PartitionRecipe:
        """Return this recipe with the edges of every axis fixed; a resolved recipe returns itself.

        Limits that are not given are those of the mask's pixels, rounded outward to 12 significant
        digits (phi to 1e-9°), so that they do not depend on the last bit of a compiler.

        Raises:
            ValueError: If an axis is unknown, the mask counts no pixel with a value on it, its pixels
                all share one value, or log spacing meets a value that is not positive.
        """
        if self.is_resolved:
            return self
        static, dynamic = {}, {}
        for dimension, axis in enumerate(self.axes):
            fine = self._static_edges(axis, dimension, qmap, np.asarray(mask, dtype=bool))
            coarse = self.edges.get(axis) or fine[:: self.static[dimension] // self.dynamic[dimension]]
            static[axis], dynamic[axis] = fine, coarse
        resolved = self.model_dump() | {"edges": dynamic, "static_edges": static, "ranges": {}}
        return PartitionRecipe.model_validate(resolved)

    def _static_edges(
        self, axis: str, dimension: int, qmap: QMap, mask: NDArray[np.bool_]
    ) -> tuple[float, ...]:
        if axis in self.static_edges:
            return self.static_edges[axis]
        count, spacing = self.static[dimension], self.spacing_of(axis)
        if axis in self.edges:
            return _divided(self.edges[axis], count // self.dynamic[dimension], spacing)
        limits = self.ranges.get(axis) or self._limits(axis, qmap, mask)
        if spacing == "log" and limits[0] <= 0:
            raise ValueError(
                f"log spacing needs {axis} > 0, and the mask's smallest is {limits[0]:g}; "
                f'mask the direct beam or give ranges={{"{axis}": (low, high)}}'
            )
        return _divided(limits, count, spacing)

    def _limits(self, axis: str, qmap: QMap, mask: NDArray[np.bool_]) -> tuple[float, float]:
        low, high = self._limits_by_tiles(axis, qmap, mask) or self._limits_by_all(axis, qmap, mask)
        if not low < high:
            raise ValueError(f"all counted pixels have {axis}={low:g}; give its edges or range")
        return low, high

    def _limits_by_tiles(self, axis: str, qmap: QMap, mask: NDArray[np.bool_]) -> tuple[float, float] | None:
        """Return the limits without the whole map; None where that cannot tell them."""
        from xpcs_mask_bluesky.partitions.extremes import extremes
        from xpcs_mask_bluesky.qmap import QMap

        # a Q-map of another kind may have values of its own
        if type(qmap) is not QMap or mask.shape != qmap.shape:
            return None
        found = extremes(qmap.record, axis, mask, offset=self.phi_offset, fold=self.symmetry_fold)
        if found is None:
            return None
        least, largest = found
        low, high = (_outward(*ends, axis) for ends in ((least.low, largest.low), (least.high, largest.high)))
        return low if low == high else None

    def _limits_by_all(self, axis: str, qmap: QMap, mask: NDArray[np.bool_]) -> tuple[float, float]:
        values = label_coordinate(qmap, axis, self.phi_offset, self.symmetry_fold)[mask]
        values = values[~np.isnan(values)]
        if not values.size:
            raise ValueError(f"the mask counts no pixel that has a value on {axis}")
        return _outward(float(values.min()), float(values.max()), axis)


def _check_edges(what: str, edges: tuple[float, ...] | None, bins: int) -> None:
    if edges is None:
        return
    if len(edges) != bins + 1:
        raise ValueError(f"{what} are {len(edges)} numbers; {bins} bins have {bins + 1}")
    if any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"{what} do not increase strictly; more bins than the numbers can tell apart?")


def _divided(edges: tuple[float, ...], parts: int, spacing: Spacing) -> tuple[float, ...]:
    """Return the edges with each bin divided in ``parts``; the given edges stay bit for bit."""
    divide = np.geomspace if spacing == "log" else np.linspace
    fine = [
        float(each) for low, high in pairwise(edges) for each in (low, *divide(low, high, parts + 1)[1:-1])
    ]
    return (*fine, edges[-1])


def _outward(low: float, high: float, axis: str) -> tuple[float, float]:
    return _rounded(low, ROUND_FLOOR, axis), _rounded(high, ROUND_CEILING, axis)


def _rounded(value: float, direction: str, axis: str) -> float:
    exact = Decimal(value)
    exponent = -9 if axis == "phi" else exact.adjusted() - 11
    return float(exact.quantize(Decimal(1).scaleb(exponent), rounding=direction)) + 0.0
