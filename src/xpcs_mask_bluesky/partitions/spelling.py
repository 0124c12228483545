# What is validated may be anything.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""One spelling for recipes that say the same, before they are validated."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from xpcs_mask_bluesky.partitions.axes import AZIMUTHS
from xpcs_mask_bluesky.partitions.azimuth import label_period
from xpcs_mask_bluesky.partitions.groups import Group


def spelled(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's fields in their one spelling; what is wrong stays, for validation to refuse.

    Of one axis alone the second number is 1. The numbers of groups are added up. Static numbers are
    snapped up to a multiple if ``snap_static`` asks for it. An arc with its limits in reverse crosses ±180.
    A spacing for both axes is one word if that says the same.

    Warns:
        UserWarning: If a static number was snapped.
    """
    fields = dict(given)
    axes = fields.get("axes", ("q", "phi"))
    axes = axes if isinstance(axes, Sequence) and not isinstance(axes, str) else ()
    snap, fold = fields.pop("snap_static", False), fields.get("symmetry_fold", 1)
    turn = label_period(fold)[1] if isinstance(fold, int) and fold > 0 else None
    for name in {"dynamic", "static"} & set(fields):
        fields[name] = _pair(fields[name]) if len(axes) == 1 else fields[name]
    fields["spacing"] = _spacing(fields.get("spacing", "linear"), axes)
    if fields.get("groups") and isinstance(fields["groups"], Sequence):
        groups = [each.model_dump() if isinstance(each, Group) else each for each in fields["groups"]]
        fields["groups"] = [_block(each, axes, turn, snap, f" of group {_name(each)!r}") for each in groups]
        return _added_up(fields, len(axes))
    return _block(fields, axes, turn, snap, "")


def _block(block: Any, axes: Sequence[str], turn: float | None, snap: Any, of: str) -> Any:
    if not isinstance(block, Mapping):
        return block
    fields = dict(block)
    if isinstance(fields.get("ranges"), Mapping):
        ranges = fields["ranges"].items()
        fields["ranges"] = {axis: _arc(axis, limits, turn) for axis, limits in ranges}
    if snap:
        fields["static"] = _snapped(fields, axes, of)
    return fields


def _name(block: Any) -> Any:
    return block.get("name") if isinstance(block, Mapping) else block


def _pair(numbers: Any) -> Any:
    if isinstance(numbers, int):
        return (numbers, 1)
    return (*numbers, 1) if isinstance(numbers, Sequence) and len(numbers) == 1 else numbers


def _spacing(spacing: Any, axes: Sequence[str]) -> Any:
    if isinstance(spacing, Sequence) and not isinstance(spacing, str):
        one_word = len(spacing) == len(axes) and all(each == "linear" for each in spacing[1:])
        return spacing[0] if one_word else spacing
    return spacing


def _arc(axis: str, limits: Any, turn: float | None) -> Any:
    if axis not in AZIMUTHS or turn is None:
        return limits
    try:
        low, high = (float(each) for each in limits)
    except (TypeError, ValueError):
        return limits
    return (low, high + turn) if high < low <= high + turn else limits


def _snapped(fields: Mapping[str, Any], axes: Sequence[str], of: str) -> Any:
    coarse, fine = (_numbers(fields.get(name)) for name in ("dynamic", "static"))
    if coarse is None or fine is None or len(coarse) != len(fine):
        return fields.get("static")
    edges = fields.get("static_edges") or {}
    snapped = list(fine)
    for dimension, (axis, dynamic, static) in enumerate(zip(axes, coarse, fine, strict=False)):
        if axis not in edges and dynamic > 0 and static % dynamic:
            snapped[dimension] = -(-static // dynamic) * dynamic
            warnings.warn(
                f"static={static} on {axis}{of} is no multiple of dynamic={dynamic}: "
                f"{snapped[dimension]} static bins are made",
                stacklevel=7,  # past pydantic, to who asks for it
            )
    return tuple(snapped)


def _numbers(given: Any) -> tuple[int, ...] | None:
    values = (given,) if isinstance(given, int) else given
    if isinstance(values, Sequence) and all(isinstance(each, int) for each in values):
        return tuple(values)
    return None


def _added_up(fields: dict[str, Any], axes: int) -> dict[str, Any]:
    """Return the recipe with the sums of its groups' numbers, where these are numbers."""
    for name in ("dynamic", "static"):
        each = [
            _numbers(group.get(name)) if isinstance(group, Mapping) else None for group in fields["groups"]
        ]
        if any(numbers is None or len(numbers) != axes for numbers in each):
            fields.setdefault(name, (1, 1))  # what is wrong is said of the group
            continue
        sums = tuple(sum(column) for column in zip(*each, strict=True))  # pyright: ignore[reportArgumentType]
        total = (sums[0], 1 if axes == 1 else sums[1])
        if (said := fields.get(name, total)) is not None and _numbers(said) != total:
            raise ValueError(f"{name}={said}, but the groups' own add up to {total}; leave it out")
        fields[name] = total
    return fields
