"""How pixels are grouped into bins: :class:`PartitionRecipe`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

from xpcs_mask_bluesky.checked import Checked
from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.partitions.axes import AXIS_UNITS, AZIMUTHS, dimensions
from xpcs_mask_bluesky.partitions.axis_bins import AxisBins, Edges, Limits, Spacing
from xpcs_mask_bluesky.partitions.azimuth import label_period
from xpcs_mask_bluesky.partitions.ellipse import ELLIPSE_UNITS, EllipseFrame
from xpcs_mask_bluesky.partitions.groups import Group, check_groups
from xpcs_mask_bluesky.partitions.spelling import spelled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from xpcs_mask_bluesky.qmap import QMap

Pair = tuple[PositiveInt, PositiveInt]
_MOST_BINS = 2**31 - 1
_SINCE_THE_FIRST = ("groups", "minimum_pixels", "small_bins", "ellipse", "merged")
"""Fields that a digest leaves out where they say nothing: recipes older than them keep theirs."""


class PartitionRecipe(Checked):
    """Dynamic bins for g2 and the static bins nested in them, over one or two axes of the Q-map.

    Edges and ranges of ``phi`` are those of the angle that labels: shifted by ``phi_offset`` and
    wrapped to ±180, then, for ``symmetry_fold`` > 1, folded to 0 … 360 / fold. An arc across the end goes on
    beyond it: ``(170, 190)``, or as a range also ``(170, -170)``.

    ``snap_static=True`` raises static numbers to the next multiple of the dynamic ones, and warns of it,
    where they would be refused. Of one axis alone each number may be given as it is: ``dynamic=27``.

    Raises:
        ValueError: (pydantic's) naming the field, what came and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    axes: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("q", "phi")
    """Of the Q-map, or ``ellipse_rho`` and ``ellipse_phi``. One alone has a second dimension of one bin."""
    dynamic: Pair
    """Number of dynamic bins along each axis; of groups, all added up."""
    static: Pair
    """Number of static bins along each axis, a multiple of the dynamic number."""
    spacing: Spacing | tuple[Spacing, Spacing] = "linear"
    """One for each axis; one word alone is the first axis', and the second is linear."""
    edges: dict[str, Edges] = Field(default_factory=dict)
    """Dynamic edges by axis, strictly increasing, in the axis' unit."""
    static_edges: dict[str, Edges] = Field(default_factory=dict)
    """Static edges by axis; they contain the dynamic ones."""
    ranges: dict[str, Limits] = Field(default_factory=dict)
    """Limits by axis; without edges or a range the limits are those of the mask's pixels."""
    phi_offset: FiniteFloat = 0.0
    """Added to phi before it labels, in degrees."""
    symmetry_fold: PositiveInt = 1
    groups: tuple[Group, ...] = ()
    """Separate groups of bins instead of one; natural indices count along all groups' bins together."""
    minimum_pixels: NonNegativeInt = 0
    """Of a bin; those that have fewer are named by ``Partition.small_bins``."""
    small_bins: Literal["keep", "drop", "merge"] = "keep"
    """What becomes of a static bin with fewer pixels: it stays, its pixels do not count, or it is merged
    with neighbours in its dynamic bin."""
    ellipse: EllipseFrame | None = None
    """For the elliptic axes."""
    merged: tuple[tuple[NonNegativeInt, NonNegativeInt], ...] | None = None
    """Of a resolved recipe: natural static index of each merged bin, and of the one that it went into."""
    dropped: tuple[tuple[NonNegativeInt, PositiveInt], ...] = ()
    """Of a partition's recipe: natural static index of each dropped bin, and the pixels that it had."""

    snap_static: bool = Field(default=False, exclude=True, repr=False)
    """Asks for static numbers to be raised to multiples; it is gone once that is done."""

    @model_validator(mode="before")
    @classmethod
    def _spell(cls, given: Any) -> Any:
        return spelled(given) if isinstance(given, Mapping) else given  # pyright: ignore[reportUnknownArgumentType]

    @model_validator(mode="after")
    def _check(self) -> PartitionRecipe:
        self._check_axes()
        if math.prod(self.static) > _MOST_BINS:
            raise ValueError(f"static={self.static} is more bins than a label can count")
        for bins in self.axis_bins():
            for each in bins:
                each.check()
        if self.groups:
            check_groups(self.groups, self.axis_bins())
        if self.small_bins != "keep" and not self.minimum_pixels:
            raise ValueError(f"small_bins={self.small_bins!r} needs minimum_pixels= above 0")
        return self

    def _check_axes(self) -> None:
        if len(set(self.axes)) < len(self.axes):
            raise ValueError(f"axes are {self.axes}; expected two different ones")
        for axis in self.axes:
            if axis not in AXIS_UNITS:
                raise ValueError(f"no axis {axis!r}; there are {', '.join(AXIS_UNITS)}")
        if isinstance(self.spacing, tuple) and len(self.axes) == 1:
            raise ValueError(f"spacing={self.spacing} is for two axes; the recipe has one")
        turned = self.phi_offset != 0 or self.symmetry_fold > 1
        if turned and not AZIMUTHS.intersection(self.axes):
            raise ValueError(
                f"phi_offset={self.phi_offset:g} and symmetry_fold={self.symmetry_fold} turn an azimuth; "
                f"axes are {self.axes}"
            )
        elliptic = [axis for axis in self.axes if axis in ELLIPSE_UNITS]
        if bool(elliptic) != (self.ellipse is not None):
            there = f"axes {self.axes} need" if elliptic else f"axes {self.axes} have no use for"
            raise ValueError(f"{there} ellipse=EllipseFrame(semi_row=, semi_column=, angle=)")
        self._check_names()

    def _check_names(self) -> None:
        if self.groups and (self.edges or self.static_edges or self.ranges):
            raise ValueError("a recipe with groups has edges and ranges in its groups, not beside them")
        if len(self.axes) == 1 and not self.dynamic[1] == self.static[1] == 1:
            raise ValueError(
                f"dynamic={self.dynamic} and static={self.static} are for two axes; "
                f"{self.axes[0]} alone has one number each"
            )
        for each in (self, *self.groups):
            for given in (each.edges, each.static_edges, each.ranges):
                if unknown := set(given) - set(self.axes):
                    raise ValueError(f"{sorted(unknown)} is no axis of this recipe, {self.axes}")
        for group in self.groups:
            if not len(group.dynamic) == len(group.static) == len(self.axes):
                raise ValueError(
                    f"group {group.name!r} has dynamic={group.dynamic}, static={group.static}; "
                    f"expected a number for each of {self.axes}"
                )

    def axis_bins(self) -> tuple[tuple[AxisBins, ...], ...]:
        """Return what is said of each axis, for each group; without groups all is one."""
        return tuple(
            tuple(
                AxisBins(
                    axis=axis,
                    where=axis if each is self else f"{axis} of group {getattr(each, 'name', '')!r}",
                    dynamic=each.dynamic[dimension],
                    static=each.static[dimension],
                    spacing=self.spacing_of(axis, None if each is self else each.spacing),
                    edges=each.edges.get(axis),
                    static_edges=each.static_edges.get(axis),
                    limits=each.ranges.get(axis),
                    period=label_period(self.symmetry_fold)[1] if axis in AZIMUTHS else None,
                )
                for dimension, axis in enumerate(self.axes)
            )
            for each in (self.groups or (self,))
        )

    def spacing_of(self, axis: str, own: Spacing | tuple[Spacing, Spacing] | None = None) -> Spacing:
        """Return whether an axis' bins are equal in width or in ratio; ``own`` is a group's spacing."""
        spacing = own or self.spacing
        if isinstance(spacing, tuple):
            return spacing[self.axes.index(axis)]
        return spacing if axis == self.axes[0] else "linear"

    @property
    def dimensions(self) -> tuple[str, str]:
        """The axes, and for one alone the dimension of one bin that label maps and files have beside it."""
        return dimensions(self.axes)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical content, 64 hexadecimal characters."""
        # Not cached: pydantic's model_copy(update=…) would take the old digest along.
        content = self.model_dump(mode="json", exclude={"dropped"})
        for name in _SINCE_THE_FIRST:
            if getattr(self, name) == type(self).model_fields[name].default:
                del content[name]
        return json_digest({"recipe": content})

    @property
    def is_resolved(self) -> bool:
        """Whether every axis has both its edges, so that no pixel's value decides about a bin."""
        merged = self.small_bins != "merge" or self.merged is not None
        return merged and all(each.is_resolved for bins in self.axis_bins() for each in bins)

    def resolve(self, qmap: QMap, mask: ArrayLike) -> PartitionRecipe:
        """Return this recipe with the edges of every axis fixed; a resolved recipe returns itself.

        Limits that are not given are those of the mask's pixels, rounded outward to 12 significant
        digits (phi to 1e-9°), so that they do not depend on the last bit of a compiler. Which small bins are
        merged is fixed as well.

        Raises:
            ValueError: If an axis is unknown, the mask counts no pixel with a value on it, its pixels
                all share one value, or log spacing meets a value that is not positive.
        """
        if self.is_resolved:
            return self
        from xpcs_mask_bluesky.partitions.resolve import resolved

        return resolved(self, qmap, mask)
