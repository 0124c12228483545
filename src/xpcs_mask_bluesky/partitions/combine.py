"""Two partitions in one: axes crossed, or groups side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.partitions.axes import AZIMUTHS
from xpcs_mask_bluesky.partitions.make import partition
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions.value import Partition

_OF_THE_WHOLE = ("phi_offset", "symmetry_fold", "ellipse")


def combined(first: Partition, second: Partition, names: tuple[str, str]) -> Partition:
    """Return both in one (see :meth:`Partition.combine`)."""
    _check_same("geometry", first.record.digest[:12], second.record.digest[:12])
    if not np.array_equal(first.blemish, second.blemish):
        raise ValueError("the blemishes differ: make both partitions with one")
    for part in (first, second):
        if part.recipe.small_bins != "keep":
            raise ValueError(
                f"a recipe has small_bins={part.recipe.small_bins!r}: its bins are not what they were; "
                "combine partitions that keep them, and ask for it of the combination"
            )
    one, other = first.recipe, second.recipe
    if one.axes == other.axes:
        recipe, mask = _side_by_side(one, other, names), first.mask | second.mask
    elif len(one.axes) == len(other.axes) == 1:
        recipe, mask = _crossed(one, other), first.mask & second.mask
    else:
        raise ValueError(
            f"axes {one.axes} and {other.axes} do not combine; expected one axis each, or the same axes"
        )
    return partition(q_map(first.record), mask, recipe, first.blemish)


def _check_same(what: str, one: Any, other: Any) -> None:
    if one != other:
        raise ValueError(f"{what} differs, {one} and {other}: both partitions need the same")


def _crossed(one: PartitionRecipe, other: PartitionRecipe) -> PartitionRecipe:
    """Return the recipe over both axes, with the edges that each has."""
    if one.groups or other.groups:
        raise ValueError("partitions with groups do not cross; give the groups both axes")
    azimuthal = other if other.axes[0] in AZIMUTHS else one
    if one.axes[0] in AZIMUTHS and other.axes[0] in AZIMUTHS:
        for name in ("phi_offset", "symmetry_fold"):
            _check_same(name, getattr(one, name), getattr(other, name))
    if one.ellipse is not None and other.ellipse is not None:
        _check_same("ellipse", one.ellipse, other.ellipse)
    return PartitionRecipe.model_validate(
        {
            "axes": (one.axes[0], other.axes[0]),
            "dynamic": (one.dynamic[0], other.dynamic[0]),
            "static": (one.static[0], other.static[0]),
            "spacing": (one.spacing_of(one.axes[0]), other.spacing_of(other.axes[0])),
            "edges": {**one.edges, **other.edges},
            "static_edges": {**one.static_edges, **other.static_edges},
            "phi_offset": azimuthal.phi_offset,
            "symmetry_fold": azimuthal.symmetry_fold,
            "ellipse": one.ellipse or other.ellipse,
            "minimum_pixels": max(one.minimum_pixels, other.minimum_pixels),
        }
    )


def _side_by_side(one: PartitionRecipe, other: PartitionRecipe, names: tuple[str, str]) -> PartitionRecipe:
    """Return the recipe with the groups of both."""
    for name in _OF_THE_WHOLE:
        _check_same(name, getattr(one, name), getattr(other, name))
    return PartitionRecipe.model_validate(
        {
            "axes": one.axes,
            "groups": [*_groups(one, names[0]), *_groups(other, names[1])],
            "minimum_pixels": max(one.minimum_pixels, other.minimum_pixels),
            **{name: getattr(one, name) for name in _OF_THE_WHOLE},
        }
    )


def _groups(recipe: PartitionRecipe, name: str) -> list[dict[str, Any]]:
    number = len(recipe.axes)
    if recipe.groups:
        return [each.model_dump() | {"spacing": each.spacing or recipe.spacing} for each in recipe.groups]
    return [
        {
            "name": name,
            "dynamic": recipe.dynamic[:number],
            "static": recipe.static[:number],
            "spacing": recipe.spacing,
            "edges": recipe.edges,
            "static_edges": recipe.static_edges,
        }
    ]
