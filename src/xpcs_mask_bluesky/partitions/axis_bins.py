# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""What a recipe says of one axis, in one group: whether that can be, and the edges that follow."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat

Spacing = Literal["linear", "log"]
Edges = Annotated[tuple[FiniteFloat, ...], Field(min_length=2)]
Limits = tuple[FiniteFloat, FiniteFloat]


@dataclass(frozen=True, kw_only=True)
class AxisBins:
    """The bins of one axis in one group, as a recipe asks for them."""

    axis: str
    where: str
    """The axis, and the group if there are several, for messages."""
    dynamic: int
    static: int
    spacing: Spacing
    edges: Edges | None
    """Dynamic edges."""
    static_edges: Edges | None
    limits: Limits | None
    period: float | None
    """Of an azimuth, in degrees: no bins reach further round."""

    @property
    def is_resolved(self) -> bool:
        """Whether both its edges are there."""
        return self.edges is not None and self.static_edges is not None

    @property
    def reach(self) -> Limits | None:
        """The lower and upper limit, where the recipe tells them."""
        given = self.edges or self.static_edges or self.limits
        return None if given is None else (given[0], given[-1])

    def check(self) -> None:
        """Raise ``ValueError`` unless such bins can be."""
        if self.static_edges is None and self.static % self.dynamic:
            fitting = -(-self.static // self.dynamic) * self.dynamic
            raise ValueError(
                f"static={self.static} on {self.where} is no multiple of dynamic={self.dynamic}; "
                f"the static bins must nest: try {fitting}, or snap_static=True"
            )
        self._check_edges("edges", self.edges, self.dynamic)
        self._check_edges("static_edges", self.static_edges, self.static)
        self._check_range()
        self._check_reach()
        self._check_nesting()

    def _check_range(self) -> None:
        if self.limits is None:
            return
        if self.edges is not None or self.static_edges is not None:
            raise ValueError(f"{self.where} has edges and a range; give one of them")
        low, high = self.limits
        if low >= high:
            raise ValueError(
                f"range of {self.where} is {low:g} to {high:g}; expected the lower limit first: "
                "it must increase strictly"
            )

    def _check_edges(self, what: str, edges: Edges | None, bins: int) -> None:
        if edges is None:
            return
        if len(edges) != bins + 1:
            raise ValueError(f"{what} of {self.where} are {len(edges)} numbers; {bins} bins have {bins + 1}")
        for low, high in pairwise(edges):
            if low >= high:
                across = "; across ±180 they go on beyond: 170, 180, 190" if self.period else ""
                raise ValueError(
                    f"{what} of {self.where} do not increase strictly: {high:g} follows {low:g}{across}"
                )

    def _check_reach(self) -> None:
        if self.reach is None:
            return
        low, high = self.reach
        if self.spacing == "log" and low <= 0:
            raise ValueError(f"{self.where} starts at {low:g}; log spacing needs a positive limit")
        if self.period is not None and high - low > self.period:
            raise ValueError(
                f"{self.where} reaches from {low:g} to {high:g}, over {high - low:g} degrees; "
                f"the angle that labels starts anew after {self.period:g}"
            )

    def _check_nesting(self) -> None:
        if self.static_edges is None:
            return
        fine, coarse = self.static_edges, self.edges
        if coarse is None:
            if self.static % self.dynamic:
                raise ValueError(
                    f"{self.static} static bins on {self.where} do not nest in {self.dynamic}; give edges="
                )
            return
        if missing := sorted(set(coarse) - set(fine)):
            raise ValueError(
                f"static_edges of {self.where} lack the dynamic edges {missing[:3]}: "
                "the static bins must nest in the dynamic ones"
            )
        if (coarse[0], coarse[-1]) != (fine[0], fine[-1]):
            raise ValueError(f"static_edges of {self.where} reach beyond its dynamic edges")

    def resolved(self, limits: Limits | None) -> tuple[Edges, Edges]:
        """Return the dynamic and the static edges.

        Args:
            limits: Used where the recipe gives neither edges nor a range.

        Raises:
            ValueError: If the spacing is logarithmic and the limits are not positive, or if there are
                more bins than the numbers can tell apart.
        """
        fine = self.static_edges or self._divided(limits)
        coarse = self.edges or fine[:: self.static // self.dynamic]
        return coarse, fine

    def _divided(self, limits: Limits | None) -> Edges:
        if self.edges is not None:
            return divided(self.edges, self.static // self.dynamic, self.spacing)
        used = self.limits or limits
        if used is None:
            raise ValueError(f"{self.where} has neither edges nor a range")
        if self.spacing == "log" and used[0] <= 0:
            raise ValueError(
                f"log spacing needs {self.where} > 0, and the mask's smallest is {used[0]:g}; "
                f'mask the direct beam or give ranges={{"{self.axis}": (low, high)}}'
            )
        return divided(used, self.static, self.spacing)


def divided(edges: Edges, parts: int, spacing: Spacing) -> Edges:
    """Return the edges with each bin divided in ``parts``; the given edges stay bit for bit."""
    divide = np.geomspace if spacing == "log" else np.linspace
    fine = [
        float(each) for low, high in pairwise(edges) for each in (low, *divide(low, high, parts + 1)[1:-1])
    ]
    return (*fine, edges[-1])


def outward(low: float, high: float, *, azimuth: bool) -> Limits:
    """Return limits rounded outward: to 12 significant digits, or those of an azimuth to 1e-9°."""
    return _rounded(low, ROUND_FLOOR, azimuth), _rounded(high, ROUND_CEILING, azimuth)


def _rounded(value: float, direction: str, azimuth: bool) -> float:
    exact = Decimal(value)
    exponent = -9 if azimuth else exact.adjusted() - 11
    return float(exact.quantize(Decimal(1).scaleb(exponent), rounding=direction)) + 0.0
