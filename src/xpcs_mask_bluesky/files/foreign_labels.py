"""The arrays of a ``/qmap`` group of another program, and the repairs of what such programs get wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.files.hdf5_content import described

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.files.hdf5_content import Content

    Array = NDArray[Any]
    Centers = tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]

PREFIXES = ("dynamic", "static")
MOST_BINS = 2**24
"""Nominal, empty ones included."""


@dataclass(eq=False)
class Labels:
    """Masks, label maps and what belongs to their labels; keys are ``dynamic`` and ``static``."""

    mask: NDArray[np.bool_]
    blemish: NDArray[np.bool_] | None
    maps: dict[str, Array]
    num_pts: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    mappings: dict[str, Array | None] = field(default_factory=dict)
    centers: dict[str, Centers] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)


def repaired_labels(content: Content) -> Labels:
    """Return what a group says of its pixels and bins.

    Repaired is what programs are known to write: labels outside the mask or in one map alone, gaps in the
    labels, and a list of phi that is too short.

    Raises:
        ValueError: If a map or the mask is missing or has another shape, or anything else contradicts.
    """
    maps = {prefix: _label_map(content, f"{prefix}_roi_map") for prefix in PREFIXES}
    shape = maps["dynamic"].shape
    mask = _boolean(content, "mask", shape)
    if mask is None:
        raise ValueError("it holds no mask, which every reader of such files needs")
    labels = Labels(mask=mask, blemish=_boolean(content, "blemish", shape), maps=maps)
    if maps["static"].shape != shape:
        raise ValueError(f"static_roi_map is {maps['static'].shape}, dynamic_roi_map {shape}")
    if labels.blemish is None:
        labels.missing.append("blemish")
    elif outside := int(np.count_nonzero(mask & ~labels.blemish)):
        raise ValueError(f"its mask counts {outside} pixels that its blemish rejects")
    _agree(labels)
    for prefix in PREFIXES:
        _add_bins(labels, content, prefix)
    _say_crossing(labels)
    for array in (mask, labels.blemish, *labels.maps.values()):
        if array is not None:
            array.flags.writeable = False
    return labels


def _label_map(content: Content, name: str) -> Array:
    array = content.datasets.get(name)
    if array is None:
        raise ValueError(f"it holds no {name}")
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "ui":
        raise ValueError(f"{name} is {described(array)}; expected integers (rows, columns)")
    if not array.size or int(array.min()) < 0:
        raise ValueError(f"{name} holds no labels from 1 on, with 0 for excluded")
    if int(array.max()) > array.size:
        raise ValueError(f"{name} has labels up to {int(array.max())} on {array.size} pixels")
    return array.copy()


def _boolean(content: Content, name: str, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    array = content.datasets.get(name)
    if array is None:
        return None
    if not isinstance(array, np.ndarray) or array.shape != shape:
        turned = isinstance(array, np.ndarray) and array.shape == shape[::-1] != shape
        hint = "; was it saved transposed?" if turned else ""
        raise ValueError(f"{name} is {described(array)}, the label map {shape} (rows, columns){hint}")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name} holds values other than 0 and 1; expected 1 = use")
    return array.astype(bool)


def _agree(labels: Labels) -> None:
    """Leave labels inside the mask, and in both maps, alone."""
    for prefix in PREFIXES:
        _drop(labels, prefix, (labels.maps[prefix] > 0) & ~labels.mask, "outside the mask")
    both = (labels.maps["dynamic"] > 0) & (labels.maps["static"] > 0)
    for prefix in PREFIXES:
        _drop(labels, prefix, (labels.maps[prefix] > 0) & ~both, "that the other map excludes")
    if not both.any():
        raise ValueError("no pixel has a label in both maps")
    if bare := int(np.count_nonzero(labels.mask & ~both)):
        labels.repairs.append(f"{bare} pixels that the mask counts have no label; they are in no bin")


def _drop(labels: Labels, prefix: str, where: Array, why: str) -> None:
    if count := int(np.count_nonzero(where)):
        labels.maps[prefix][where] = 0
        labels.repairs.append(f"{count} pixels of {prefix}_roi_map {why} had a label; they have none now")


def _add_bins(labels: Labels, content: Content, prefix: str) -> None:
    highest = int(labels.maps[prefix].max())
    filled = np.flatnonzero(np.bincount(labels.maps[prefix].ravel())[1:])
    numbers = _num_pts(content, f"{prefix}_num_pts")
    mapping = _mapping(content, prefix, highest, filled, numbers)
    if len(filled) != highest:
        _close_gaps(labels, prefix, highest, filled)
    labels.num_pts[prefix], labels.mappings[prefix] = numbers, mapping
    labels.centers[prefix] = (_centers(labels, content, prefix, 0), _centers(labels, content, prefix, 1))
    for name, value in ((f"{prefix}_num_pts", numbers), (f"{prefix}_index_mapping", mapping)):
        if value is None:
            labels.missing.append(name)


def _num_pts(content: Content, name: str) -> tuple[int, int] | None:
    value = content.datasets.get(name)
    if value is None:
        return None
    good = isinstance(value, np.ndarray) and value.shape == (2,) and value.dtype.kind in "ui"
    if not good or int(value.min()) < 1 or int(value[0]) * int(value[1]) > MOST_BINS:
        raise ValueError(
            f"{name} is {described(value)}; expected two numbers of bins, {MOST_BINS} together at most"
        )
    return int(value[0]), int(value[1])


def _mapping(
    content: Content, prefix: str, highest: int, filled: Array, numbers: tuple[int, int] | None
) -> Array | None:
    """Return the natural index of each label that has pixels."""
    name = f"{prefix}_index_mapping"
    mapping = content.datasets.get(name)
    if mapping is None:
        return None
    if not isinstance(mapping, np.ndarray) or mapping.ndim != 1 or mapping.dtype.kind not in "ui":
        raise ValueError(f"{name} is {described(mapping)}; expected integers, one for each label")
    if len(mapping) == highest:
        mapping = mapping[filled]
    if len(mapping) != len(filled):
        raise ValueError(f"{name} has {len(mapping)} entries; {prefix}_roi_map has {len(filled)} labels")
    natural = mapping.astype(np.int64)
    limit = MOST_BINS if numbers is None else numbers[0] * numbers[1]
    if natural[0] < 0 or natural[-1] >= limit or (np.diff(natural) <= 0).any():
        raise ValueError(f"{name} must increase strictly within 0..{limit - 1}")
    return mapping


def _close_gaps(labels: Labels, prefix: str, highest: int, filled: Array) -> None:
    new = np.zeros(highest + 1, labels.maps[prefix].dtype)
    new[filled + 1] = np.arange(1, len(filled) + 1)
    labels.maps[prefix] = new[labels.maps[prefix]]
    empty = highest - len(filled)
    labels.repairs.append(
        f"{empty} labels of {prefix}_roi_map have no pixel; the others were numbered anew, without gaps"
    )


def _centers(labels: Labels, content: Content, prefix: str, dimension: int) -> NDArray[np.float64] | None:
    name = f"{prefix}_v_list_dim{dimension}"
    values = content.datasets.get(name)
    if values is None:
        labels.missing.append(name)
        return None
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "uif":
        raise ValueError(f"{name} is {described(values)}; expected numbers, one for each bin along the axis")
    found = values.astype(np.float64)
    numbers = labels.num_pts[prefix]
    if numbers is not None and len(found) != numbers[dimension]:
        if len(found) > numbers[dimension] or not _is_phi(content, dimension):
            raise ValueError(
                f"{name} has {len(found)} centres; there are {numbers[dimension]} bins on this axis"
            )
        found = np.concatenate([found, np.full(numbers[dimension] - len(found), np.nan)])
        labels.repairs.append(
            f"{name} lacks centres, as XPCS Viewer's folded phi does; they are NaN at its end"
        )
    found.flags.writeable = False
    return found


def _is_phi(content: Content, dimension: int) -> bool:
    names = content.datasets.get("map_names")
    return isinstance(names, tuple) and len(names) > dimension and names[dimension] == "phi"


def _say_crossing(labels: Labels) -> None:
    inside = labels.maps["static"] > 0
    crossing = crossing_bins(*(labels.maps[prefix][inside] for prefix in PREFIXES))
    if crossing:
        labels.repairs.append(
            f"{crossing} static bins reach into several dynamic bins, which correlators do not expect; "
            "they are left so"
        )


def crossing_bins(dynamic: Array, static: Array) -> int:
    """Return how many static labels occur with several dynamic ones.

    Args:
        dynamic: Label of each counted pixel.
        static: Of the same pixels.
    """
    one_of_them = np.zeros(int(static.max(initial=0)) + 1, dynamic.dtype)
    one_of_them[static] = dynamic
    return len(np.unique(static[one_of_them[static] != dynamic]))
