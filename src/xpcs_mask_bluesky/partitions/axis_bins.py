# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Bins of q and of phi for each pixel, by single precision where that is enough, else by double.

Every number comes with a proven bound of its error. A pixel that lies nearer to a threshold than single
precision can tell is computed again in double precision; one that even this leaves open is decided by
the Q-map's own value. So the bins are those of the Q-map's values, pixel for pixel.

What was computed for a geometry is kept while it serves: a new mask needs no bins, and a new energy no
azimuth.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import label_angle
from xpcs_mask_bluesky.partitions.bins import bin_index
from xpcs_mask_bluesky.partitions.equal_bins import DOUBLE, MOST_MARGIN, SINGLE, EqualBins, equal_bins
from xpcs_mask_bluesky.partitions.kernels import Steps, phi_bins, q_bins, undecided
from xpcs_mask_bluesky.partitions.rays import Sight
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe

    Numbers = NDArray[np.unsignedinteger]
    Edges = tuple[float, ...]

KEPT = 2
"""Maps of each axis that are kept, of one or two bytes a pixel."""
MOST_OFFSET = 1e6
"""In degrees."""


def axis_bins(record: GeometryRecord, recipe: PartitionRecipe, axis: str) -> Numbers | None:
    """Return bin + 1 of each pixel along an axis, 0 for none; None where there is no fast way.

    The array is read-only, ``(rows, columns)``, of the smallest type that serves.
    """
    edges = recipe.static_edges[axis]
    if axis == "q":
        return _q_bins(record, edges, log=recipe.spacing_of(axis) == "log")
    if axis == "phi":
        return _phi_bins(_without_energy(record), edges, recipe.phi_offset, recipe.symmetry_fold)
    return None


def _without_energy(record: GeometryRecord) -> GeometryRecord:
    """Return one record for all that share their azimuth: energy and, without swing, distance are 1."""
    swings = record.swing_angle_horizontal != 0 or record.swing_angle_vertical != 0
    distance = record.distance if swings else 1.0
    return record.model_copy(update={"incident_energy": 1.0, "distance": distance})


@lru_cache(maxsize=KEPT)
def _q_bins(record: GeometryRecord, edges: Edges, *, log: bool) -> Numbers | None:
    sight, equal = Sight.of(record), equal_bins(edges, log=log)
    if sight is None or equal is None:
        return None
    blurred = 64 * DOUBLE * sight.geometry.wavenumber * sight.farthest / sight.geometry.distance
    relative = (24 + 2 * sight.shear) * SINGLE
    margin = equal.margin(relative=relative, absolute=blurred / (edges[0] if log else 1.0))
    if margin > MOST_MARGIN:
        return None
    factor = np.float32(2 * sight.geometry.wavenumber)
    dtype = number_type(equal.bins)
    found = np.array(q_bins(sight.rays(), factor, _steps(equal, margin), log=log, dtype=dtype))
    _decide(found, edges, sight, record, None)
    return found


@lru_cache(maxsize=KEPT)
def _phi_bins(record: GeometryRecord, edges: Edges, offset: float, fold: int) -> Numbers | None:
    sight, equal = Sight.of(record), equal_bins(edges)
    if sight is None or equal is None or abs(offset) > MOST_OFFSET:
        return None
    seam = fold * ((9 + sight.shear) * SINGLE + 8 * DOUBLE * (2 + abs(offset) / 360))
    parts = _as_parts(equal, fold)
    margin = parts.margin(relative=0, absolute=seam)
    if margin > MOST_MARGIN:
        return None
    core = (16 * DOUBLE / SINGLE * sight.farthest) ** 2 if sight.swings else 0.0
    turn = math.fmod((math.fmod(offset, 360.0) + 180.0) / 360.0 * fold, 1.0)
    numbers = (np.float32(each) for each in (turn, fold, seam, core))
    dtype = number_type(equal.bins)
    found = np.array(phi_bins(sight.rays(), *numbers, _steps(parts, margin), dtype=dtype))
    _decide(found, edges, sight, record, (offset, fold))
    return found


def number_type(bins: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned type for bin numbers 0 … ``bins`` and one that stands for none yet."""
    return np.min_scalar_type(bins + 1)


def _as_parts(equal: EqualBins, fold: int) -> EqualBins:
    """Return bins of an angle in degrees as bins of its part of a fold."""
    width = 360.0 / fold
    begins = -180.0 if fold == 1 else 0.0
    return EqualBins((equal.start - begins) / width, equal.scale * width, equal.bins, equal.off, log=False)


def _steps(equal: EqualBins, margin: float) -> Steps:
    numbers = equal.scale, equal.start * equal.scale, equal.bins, margin
    return Steps(**dict(zip(("scale", "origin", "bins", "margin"), map(np.float32, numbers), strict=True)))


def _decide(
    found: Numbers, edges: Edges, sight: Sight, record: GeometryRecord, turned: tuple[float, int] | None
) -> None:
    """Put the pixels that are left open into their bins, and make the array read-only."""
    open_pixels = np.flatnonzero(found.ravel() == undecided(found.dtype))
    rows, columns = np.divmod(open_pixels, found.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        values, error = _q_at(sight, rows, columns) if turned is None else _phi_at(sight, rows, columns)
        near, far = (bin_index(_labelling(values + off, turned), edges) for off in (-error, error))
    unsure = near != far
    unsure |= ~np.isfinite(error)
    if unsure.any():
        exact = q_map(record)["q" if turned is None else "phi"][rows[unsure], columns[unsure]]
        near[unsure] = bin_index(_labelling(exact, turned), edges)
    found.ravel()[open_pixels] = near + 1
    found.flags.writeable = False


def _labelling(values: NDArray[np.float64], turned: tuple[float, int] | None) -> NDArray[np.float64]:
    return values if turned is None else label_angle(values, *turned)


def _q_at(
    sight: Sight, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return q of some pixels, and how far at most the Q-map's value lies from it."""
    x, y, z = sight.at(rows, columns)
    r_squared = x * x + y * y
    length = np.sqrt(r_squared + z * z)
    sine_squared = np.where(z >= 0, r_squared / (length + np.abs(z)), length - z) / (2 * length)
    q = 2 * sight.geometry.wavenumber * np.sqrt(sine_squared)
    return q, 64 * DOUBLE * q + 2 * sight.geometry.wavenumber * sight.blur(length) / length


def _phi_at(
    sight: Sight, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return phi of some pixels, and how far at most the Q-map's value lies from it."""
    x, y, z = sight.at(rows, columns)
    r = np.hypot(x, y)
    phi = -np.degrees(np.arctan2(y, x))
    error = np.degrees(64 * DOUBLE + 2 * sight.blur(np.hypot(r, z)) / r)
    if not sight.swings:
        error[((x == 0) ^ (y == 0))] = 0.0  # a right angle is exact everywhere, and so is its side
    return phi, error
