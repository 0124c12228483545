"""Edges that explain the labels of another program's file, found by trying and proven by relabelling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from xpcs_mask_bluesky.partitions import PartitionRecipe
from xpcs_mask_bluesky.partitions.azimuth import label_angle
from xpcs_mask_bluesky.partitions.bins import bin_index
from xpcs_mask_bluesky.qmap import QMap, q_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.files.foreign_qmap import ForeignQmap
    from xpcs_mask_bluesky.geometry import GeometryRecord

    Floats = NDArray[np.float64]
    Spacing = Literal["linear", "log"]

OUR_NAMES: Mapping[str, tuple[str, ...]] = {"q": ("q", "qr"), "TTH": ("two_theta",)}
"""What is called q is the magnitude in pySimpleMask, and in XPCS Viewer its part across the beam."""
_SAME_CENTRES = 1e-6
"""Of the range: two programs' hc differ by 3e-10, float32 maps by 1e-7."""


@dataclass(frozen=True)
class _Axis:
    name: str
    spacing: Spacing
    static_edges: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Side:
    """One dimension of the file's static bins."""

    name: str
    bins: int
    centers: Floats | None
    index: NDArray[np.int64]
    """Of each labelled pixel along this dimension."""
    inside: NDArray[np.bool_]
    """Where the labelled pixels are."""
    counted: NDArray[np.bool_]
    turn: tuple[float, int]
    """Offset and fold of phi."""


def foreign_recipe(
    foreign: ForeignQmap, record: GeometryRecord, *, phi_offset: float, symmetry_fold: int
) -> PartitionRecipe:
    """Return a resolved recipe that gives every pixel its label; see :meth:`ForeignQmap.recipe`."""
    dynamic, static = _numbers(foreign)
    if record.shape != foreign.shape:
        raise ValueError(f"{foreign.source} is of a detector {foreign.shape}, the geometry of {record.shape}")
    qmap, found = q_map(record), []
    for dimension in (0, 1):
        side = _side(foreign, dimension, static, (phi_offset, symmetry_fold))
        found.append(_explained(side, qmap, foreign.source))
    first, second = found
    recipe = PartitionRecipe(
        axes=(first.name, second.name),
        dynamic=dynamic,
        static=static,
        spacing=(first.spacing, second.spacing),
        edges={
            axis.name: axis.static_edges[:: static[k] // dynamic[k]] for k, axis in enumerate((first, second))
        },
        static_edges={axis.name: axis.static_edges for axis in (first, second)},
        phi_offset=phi_offset,
        symmetry_fold=symmetry_fold,
    )
    foreign.partition(record, recipe)
    return recipe


def _numbers(foreign: ForeignQmap) -> tuple[tuple[int, int], tuple[int, int]]:
    dynamic, static = foreign.dynamic.num_pts, foreign.static.num_pts
    if dynamic is None or static is None or foreign.map_names is None or foreign.static.index_mapping is None:
        needed = ("dynamic_num_pts", "static_num_pts", "static_index_mapping", "map_names")
        missing = ", ".join(sorted(set(needed) & set(foreign.missing)))
        raise ValueError(f"{foreign.source} does not tell {missing}; no recipe can be found")
    if static[0] * static[1] > foreign.mask.size:
        raise ValueError(f"{foreign.source} has {static[0]}×{static[1]} static bins, more than pixels")
    for dimension, name in enumerate(foreign.map_names):
        if static[dimension] % dynamic[dimension]:
            raise ValueError(
                f"{foreign.source} has {static[dimension]} static bins on {name}, no multiple of the "
                f"{dynamic[dimension]} dynamic ones: they do not nest, and a recipe cannot say that"
            )
    return dynamic, static


def _side(foreign: ForeignQmap, dimension: int, static: tuple[int, int], turn: tuple[float, int]) -> _Side:
    if foreign.map_names is None or foreign.static.index_mapping is None:
        raise ValueError(f"{foreign.source} does not tell map_names or static_index_mapping")
    inside = foreign.static_roi_map > 0
    natural = foreign.static.index_mapping[foreign.static_roi_map[inside].astype(np.intp) - 1]
    along = np.divmod(natural.astype(np.int64), static[1])[dimension]
    return _Side(
        name=foreign.map_names[dimension],
        bins=static[dimension],
        centers=foreign.static.centers[dimension],
        index=along,
        inside=inside,
        counted=foreign.mask,
        turn=turn if foreign.map_names[dimension] == "phi" else (0.0, 1),
    )


def _explained(side: _Side, qmap: QMap, source: str) -> _Axis:
    """Return the axis and the edges by which each labelled pixel falls into its bin."""
    least = side.index.size
    for name in OUR_NAMES.get(side.name, (side.name,)):
        if name not in qmap.axes:
            continue
        values = label_angle(qmap[name], *side.turn) if name == "phi" else qmap[name]
        for axis in _candidates(name, side, values):
            off = int(np.count_nonzero(bin_index(values, axis.static_edges)[side.inside] != side.index))
            if off == 0:
                return axis
            least = min(least, off)
    folded = (
        "; was it made with an offset or a fold? pass phi_offset=, symmetry_fold="
        if side.name == "phi"
        else ""
    )
    raise ValueError(
        f"no edges found that explain the bins of {source} on {side.name}: at best {least} of "
        f"{side.index.size} pixels fall into others{folded}. Its label maps and mask can be used as they are"
    )


def _candidates(name: str, side: _Side, values: Floats) -> Iterator[_Axis]:
    counted = values[side.counted & np.isfinite(values)]
    for spacing in ("linear", "log"):
        positive = counted if spacing == "linear" else counted[counted > 0]
        if positive.size and positive.min() < positive.max():
            limits = float(positive.min()), float(positive.max())
            axis = _Axis(name, spacing, _divided(*limits, side.bins, spacing))
            if side.turn[1] > 1 or _has_centers(axis, side):
                yield axis
        implied = _limits_of_centers(side.centers, spacing)
        if implied is not None:
            yield _Axis(name, spacing, _divided(*implied, side.bins, spacing))


def _limits_of_centers(centers: Floats | None, spacing: Spacing) -> tuple[float, float] | None:
    """Return the outer edges that equally spaced centres imply; None if they are not equally spaced."""
    if centers is None or len(centers) < 2 or not np.isfinite(centers).all():
        return None
    if spacing == "log" and centers.min() <= 0:
        return None
    at = np.log(centers) if spacing == "log" else centers
    step = (at[-1] - at[0]) / (len(at) - 1)
    if step <= 0 or np.abs(np.diff(at) - step).max() > _SAME_CENTRES * (at[-1] - at[0]):
        return None
    low, high = float(at[0] - step / 2), float(at[-1] + step / 2)
    return (float(np.exp(low)), float(np.exp(high))) if spacing == "log" else (low, high)


def _has_centers(axis: _Axis, side: _Side) -> bool:
    """Return whether the centres of the edges are the file's; true if it has none."""
    if side.centers is None:
        return True
    edges = np.asarray(axis.static_edges)
    made = np.sqrt(edges[1:] * edges[:-1]) if axis.spacing == "log" else (edges[1:] + edges[:-1]) / 2
    return bool(np.abs(made - side.centers).max() <= _SAME_CENTRES * (edges[-1] - edges[0]))


def _divided(low: float, high: float, bins: int, spacing: Spacing) -> tuple[float, ...]:
    edges = np.geomspace(low, high, bins + 1) if spacing == "log" else np.linspace(low, high, bins + 1)
    return tuple(float(each) for each in edges)
