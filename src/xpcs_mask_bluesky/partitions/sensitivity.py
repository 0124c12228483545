"""How many pixels change bin when a number of the geometry is off: by derivatives, without recomputing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import wrapped
from xpcs_mask_bluesky.partitions.ellipse import ELLIPSE_UNITS
from xpcs_mask_bluesky.partitions.make import natural_static_index
from xpcs_mask_bluesky.partitions.value import dynamic_of_static
from xpcs_mask_bluesky.qmap import QMap, q_derivatives, q_map

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe

    Bits = NDArray[np.bool_]
    Indices = NDArray[np.int32]

RELATIVE = 1e-3
"""The default error of distance and energy."""
PIXELS = 0.3
"""The default error of the beam centre, in px."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Pixels that change bin for one error."""

    error: float
    """Of the parameter, in its unit."""
    dynamic: int
    """Pixels that change their dynamic bin, those that enter or leave all bins included."""
    static: int
    """Pixels that change their static bin."""
    counted: int
    """Pixels that lie in a bin at all."""
    worst_bin: float
    """The largest part of one dynamic bin's pixels that leaves it, 0 to 1."""


def label_sensitivity(
    record: GeometryRecord,
    recipe: PartitionRecipe,
    mask: ArrayLike | None = None,
    *,
    errors: Mapping[str, float] | None = None,
) -> dict[str, Moved]:
    """Return, for each parameter, how many pixels change bin if it is off by an error.

    To first order: each pixel's coordinate is moved by its derivative times the error, and compared with
    the edges of the recipe resolved for ``record``; the edges stay.

    Args:
        record: The geometry.
        recipe: Of the partition.
        mask: Boolean ``(rows, columns)``, True = counted; all pixels without.
        errors: By field of the record, in its unit. By default 0.3 px of the beam centre, and a
            thousandth of distance and energy.

    Raises:
        ValueError: If an error is of no parameter of this geometry, or the recipe does not fit it.
    """
    qmap = q_map(record)
    counted = np.ones(record.shape, bool) if mask is None else np.asarray(mask, dtype=bool)
    if counted.shape != record.shape:
        raise ValueError(f"mask is {counted.shape}, the detector {record.shape} (rows, columns)")
    resolved = recipe.resolve(qmap, counted)
    before = np.where(counted, natural_static_index(qmap, resolved), np.int32(-1))
    found: dict[str, Moved] = {}
    for name, error in (_default_errors(record) if errors is None else errors).items():
        displaced = _displaced(qmap, name, error, resolved.axes)
        after = np.where(counted, natural_static_index(displaced, resolved), np.int32(-1))
        found[name] = _moved(before, after, resolved, error)
    return found


def _default_errors(record: GeometryRecord) -> dict[str, float]:
    return {
        "beam_center_x": PIXELS,
        "beam_center_y": PIXELS,
        "distance": RELATIVE * record.distance,
        "incident_energy": RELATIVE * record.incident_energy,
    }


class _Displaced(QMap):
    """A Q-map some of whose axes are moved."""

    def __init__(self, record: GeometryRecord, moved: Mapping[str, np.ndarray]) -> None:
        super().__init__(record)
        self._maps |= moved


def _displaced(qmap: QMap, name: str, error: float, axes: tuple[str, ...]) -> QMap:
    moved: dict[str, np.ndarray] = {}
    for axis in axes:
        if axis in ELLIPSE_UNITS:
            raise ValueError(f"{axis} has no derivatives; ask for the sensitivity of an axis of the Q-map")
        slope = q_derivatives(qmap.record, [name], axis=axis)[name]
        # Where there is no slope, at the direct beam, the coordinate stays.
        values = qmap[axis] + np.nan_to_num(slope, nan=0.0, posinf=0.0, neginf=0.0) * error
        moved[axis] = wrapped(values) if axis == "phi" else values
    return _Displaced(qmap.record, moved)


def _moved(before: Indices, after: Indices, resolved: PartitionRecipe, error: float) -> Moved:
    coarse = np.append(dynamic_of_static(resolved), np.int32(-1))  # so that -1 stays -1
    was, now = coarse[before], coarse[after]
    left = (was >= 0) & (was != now)
    bins = resolved.dynamic[0] * resolved.dynamic[1]
    held, lost = (np.bincount(was[each], minlength=bins) for each in (was >= 0, left))
    return Moved(
        error=error,
        dynamic=int(np.count_nonzero(was != now)),
        static=int(np.count_nonzero(before != after)),
        counted=int(np.count_nonzero(before >= 0)),
        worst_bin=float((lost / np.maximum(held, 1)).max()),
    )
