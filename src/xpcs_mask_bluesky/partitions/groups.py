"""Several separate groups of bins in one partition, such as Bragg or correlation peaks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PositiveInt, field_validator

from xpcs_mask_bluesky.checked import Checked
from xpcs_mask_bluesky.partitions.axis_bins import AxisBins, Edges, Limits, Spacing
from xpcs_mask_bluesky.partitions.bins import TOLERANCE

Numbers = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=2)]


class Group(Checked):
    """The bins of one group, over the axes of its recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    """For people; no two groups of a recipe have the same."""
    ranges: dict[str, Limits] = Field(default_factory=dict)
    """Limits by axis: each axis has a range or edges, so that no pixel decides where a group ends."""
    dynamic: Numbers
    """Number of dynamic bins along each axis."""
    static: Numbers
    """Number of static bins along each axis, a multiple of the dynamic number."""
    spacing: Spacing | tuple[Spacing, Spacing] | None = None
    """As of a recipe; None for the recipe's."""
    edges: dict[str, Edges] = Field(default_factory=dict)
    """Dynamic edges by axis."""
    static_edges: dict[str, Edges] = Field(default_factory=dict)
    """Static edges by axis; they contain the dynamic ones."""

    @field_validator("dynamic", "static", mode="before")
    @classmethod
    def _as_tuple(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value


def check_groups(groups: Sequence[Group], bins: Sequence[tuple[AxisBins, ...]]) -> None:
    """Raise ``ValueError`` unless all groups have names and limits of their own, and none overlaps another.

    Groups may touch: a pixel on the common edge belongs to the one that begins there.
    """
    names = [each.name for each in groups]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several groups are named {twice[0]!r}; expected a name for each")
    for axes in bins:
        for each in axes:
            if each.reach is None:
                raise ValueError(
                    f"{each.where} has neither a range nor edges; "
                    f'give the group ranges={{"{each.axis}": (low, high)}}'
                )
    for (first, one), (second, other) in combinations(zip(names, bins, strict=True), 2):
        if all(_meet(a, b) for a, b in zip(one, other, strict=True)):
            said = "; ".join(f"{a.axis} {_words(a)} and {_words(b)}" for a, b in zip(one, other, strict=True))
            raise ValueError(f"groups {first!r} and {second!r} overlap: {said}")


def _meet(one: AxisBins, other: AxisBins) -> bool:
    if one.reach is None or other.reach is None:
        return True
    (low, high), (start, end) = one.reach, other.reach
    slack = TOLERANCE * max(high - low, end - start)  # what rounding makes of one edge is no overlap
    low, high = low + slack, high - slack
    if one.period is None:
        return start < high and low < end
    # an arc meets another if any full turn of it does
    turns = range(math.floor((low - end) / one.period), math.ceil((high - start) / one.period) + 1)
    return any(start + n * one.period < high and low < end + n * one.period for n in turns)


def _words(bins: AxisBins) -> str:
    if bins.reach is None:
        return "everywhere"
    return f"{bins.reach[0]:g} to {bins.reach[1]:g}"
