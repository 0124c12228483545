# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The natural index of each pixel over q and phi, by single precision where that is enough.

Every number comes with a proven bound of its error. A pixel that lies nearer to a threshold than single
precision can tell is computed again in double precision; one that even this leaves open is decided by
the Q-map's own value. So the bins are those of the Q-map's values, pixel for pixel.

What was computed for a geometry is kept while it serves: a new mask needs no bins, and a new energy no
azimuth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np

from xpcs_mask_bluesky.partitions.counting import AT_ONCE, Counted
from xpcs_mask_bluesky.partitions.equal_bins import DOUBLE, MOST_MARGIN, SINGLE, EqualBins, equal_bins
from xpcs_mask_bluesky.partitions.kernels import Steps, Turns, natural_labels, phi_bins, undecided
from xpcs_mask_bluesky.partitions.near import decided_phi, decided_q
from xpcs_mask_bluesky.partitions.recent import recent
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.partitions.sight import Sight
from xpcs_mask_bluesky.qmap.rows import Rows, aligned_empty, by_rows, rows_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    Numbers = NDArray[np.unsignedinteger]
    Pixels = NDArray[np.intp]
    Edges = tuple[float, ...]

KEPT = 4
"""Maps kept of natural indices, and of bins of phi: for as many recipes or detectors side by side."""
KEPT_BYTES = 64 * 2**20
"""That the maps of natural indices take together; those of bins of phi, of half as many, half of it."""
WHOLE = 1 << 21
"""Bytes of a map of bins up to which it is made at once: XLA divides the work itself."""
BLOCK = 1 << 23
"""Bytes of a block of a larger one, of which there are at least two, so that both cores look through it."""
LEAST = 1e-28
"""In m: of a smaller X and Y, single precision that rounds subnormal numbers to zero tells no direction."""
MOST_OFFSET = 1e6
"""Of phi, in degrees."""
BINS = (
    "axes",
    "dynamic",
    "static",
    "spacing",
    "edges",
    "static_edges",
    "ranges",
    "phi_offset",
    "symmetry_fold",
)
"""All that the kernels know of a recipe."""
LATER = ("minimum_pixels", "small_bins", "merged", "dropped", "snap_static")
"""What is seen to when the natural index is known."""


def natural_index_map(record: GeometryRecord, recipe: PartitionRecipe) -> Counted | None:
    """Return natural static index + 1 of each pixel, whatever the mask, 0 for none.

    Args:
        record: The geometry.
        recipe: Resolved.

    Returns:
        ``(rows, columns)``, read-only, of the smallest type that serves; None for axes other than q and
        phi, bins that are not equal, or a geometry or a recipe that the kernels do not know.
    """
    if not _is_known(recipe):
        return None
    q_edges, phi_edges = recipe.static_edges["q"], recipe.static_edges["phi"]
    angle = phi_edges, recipe.phi_offset, recipe.symmetry_fold
    strides = (len(phi_edges) - 1, 1) if recipe.axes[0] == "q" else (1, len(q_edges) - 1)
    log = recipe.spacing_of("q") == "log"
    return _natural(record, q_edges, log, angle, strides)


def _is_known(recipe: PartitionRecipe) -> bool:
    fields = type(recipe).model_fields
    beyond = (name for name in fields if name not in (*BINS, *LATER))
    if any(getattr(recipe, name) != fields[name].get_default(call_default_factory=True) for name in beyond):
        return False
    return sorted(recipe.axes) == ["phi", "q"] and set(recipe.static_edges) >= {"q", "phi"}


def _natural_bytes(
    record: GeometryRecord, edges: Edges, log: bool, angle: tuple[Edges, float, int], strides: tuple[int, int]
) -> float:
    """Return what the map of natural indices takes, with the mask under which it was counted last."""
    itemsize = numbers_up_to((len(edges) - 1) * (len(angle[0]) - 1)).itemsize
    return math.prod(record.shape) * (itemsize + 1 / 8)


@recent(KEPT, KEPT_BYTES, _natural_bytes)
def _natural(
    record: GeometryRecord, edges: Edges, log: bool, angle: tuple[Edges, float, int], strides: tuple[int, int]
) -> Counted | None:
    sight, equal = Sight.of(record), equal_bins(edges, log=log)
    if sight is None or equal is None:
        return None
    blurred = 64 * DOUBLE * sight.geometry.wavenumber * sight.farthest / sight.geometry.distance
    relative = (26 + 2 * sight.shear) * SINGLE
    margin = equal.margin(relative=relative, absolute=blurred / (edges[0] if log else 1.0))
    phi = _phi_bins(_for_azimuth(record), *angle)
    if phi is None or margin > MOST_MARGIN:
        return None
    rays, steps = sight.rays(), _steps(equal, margin)
    bins = (len(edges) - 1) * (len(angle[0]) - 1)
    dtype = numbers_up_to(bins)
    traced = {
        "factor": np.float32(2 * sight.geometry.wavenumber),
        "strides": tuple(np.int32(each) for each in strides),
    }

    def block(rows: Rows) -> jax.Array:
        first = np.int32(rows.computed.start)
        return natural_labels(rays, first, steps, phi[rows.computed], **traced, log=log, dtype=dtype)

    def decided(left: Pixels) -> NDArray[np.int64]:
        q, other = decided_q(record, sight, left, edges), phi.ravel()[left].astype(np.int64) - 1
        return np.where((q >= 0) & (other >= 0), q * strides[0] + other * strides[1] + 1, 0)

    return Counted(_filled(record, dtype, block, decided), bins + 1)


def _phi_bytes(record: GeometryRecord, edges: Edges, offset: float, fold: int) -> float:
    return math.prod(record.shape) * numbers_up_to(len(edges) - 1).itemsize


@recent(KEPT, KEPT_BYTES / 2, _phi_bytes)
def _phi_bins(record: GeometryRecord, edges: Edges, offset: float, fold: int) -> Numbers | None:
    """Return bin + 1 of each pixel's phi, read-only, for a record by :func:`_for_azimuth`."""
    sight, equal = Sight.of(record), equal_bins(edges)
    if sight is None or equal is None or abs(offset) > MOST_OFFSET:
        return None
    seam = fold * ((11 + sight.shear) * SINGLE + 8 * DOUBLE * (2 + abs(offset) / 360))
    parts = _as_parts(equal, fold)
    margin = parts.margin(relative=0, absolute=seam)
    if margin > MOST_MARGIN:
        return None
    # so near to the beam of a swung detector, double precision leaves as much open as single does elsewhere
    core = 16 * DOUBLE / SINGLE * sight.farthest if sight.swings else LEAST
    turn = math.fmod((math.fmod(offset, 360.0) + 180.0) / 360.0 * fold, 1.0)
    numbers = {"turn": turn, "fold": fold, "seam": seam, "core": core}
    turns = Turns(**{name: np.float32(number) for name, number in numbers.items()})
    rays, steps, dtype = sight.rays(), _steps(parts, margin), numbers_up_to(equal.bins)
    size = _rows_at_once(record, dtype)

    def block(rows: Rows) -> jax.Array:
        return phi_bins(rays, np.int32(rows.computed.start), turns, steps, rows=size, dtype=dtype)

    def decided(left: Pixels) -> NDArray[np.int32]:
        return decided_phi(record, sight, left, edges, (offset, fold)) + 1

    return _filled(record, dtype, block, decided)


def _filled(
    record: GeometryRecord,
    dtype: np.dtype[np.unsignedinteger],
    block: Callable[[Rows], jax.Array],
    decided: Callable[[Pixels], NDArray[np.integer]],
) -> Numbers:
    """Return a map, read-only, made block by block.

    Args:
        record: The geometry.
        dtype: Of the map.
        block: The rows that a kernel computes, with a mark where single precision leaves a pixel open.
        decided: The numbers of such pixels, given by their flat index.
    """
    found = aligned_empty(record.shape, dtype)

    def fill(rows: Rows) -> None:
        part = found[rows.wanted]
        part[...] = np.asarray(block(rows))[rows.of_block]
        left = _left_open(part)
        part.ravel()[left] = decided(left + rows.wanted.start * record.shape[1])

    by_rows(fill, record.shape, _rows_at_once(record, dtype))
    found.flags.writeable = False
    return found


def _rows_at_once(record: GeometryRecord, dtype: np.dtype[np.unsignedinteger]) -> int:
    return rows_at_once(record.shape, dtype.itemsize, whole=WHOLE, block=BLOCK)


def _left_open(found: Numbers) -> Pixels:
    """Return the flat indices of pixels that single precision left open."""
    flat, mark = found.ravel(), undecided(found.dtype)
    parts = [
        np.flatnonzero(flat[start : start + AT_ONCE] == mark) + start
        for start in range(0, len(flat), AT_ONCE)
    ]
    return np.concatenate(parts)


def _for_azimuth(record: GeometryRecord) -> GeometryRecord:
    """Return one record for all that share their azimuth: energy and, without swing, distance are 1."""
    swings = record.swing_angle_horizontal != 0 or record.swing_angle_vertical != 0
    distance = record.distance if swings else 1.0
    return record.model_copy(update={"incident_energy": 1.0, "distance": distance})


def numbers_up_to(largest: int) -> np.dtype[np.unsignedinteger]:
    """Return the smallest unsigned type for 0 … ``largest`` and one number that stands for none yet."""
    return np.min_scalar_type(largest + 1)


def _as_parts(equal: EqualBins, fold: int) -> EqualBins:
    """Return bins of an angle in degrees as bins of its part of a fold."""
    width = 360.0 / fold
    begins = -180.0 if fold == 1 else 0.0
    return EqualBins((equal.start - begins) / width, equal.scale * width, equal.bins, equal.off, log=False)


def _steps(equal: EqualBins, margin: float) -> Steps:
    numbers = {
        "scale": equal.scale,
        "origin": equal.start * equal.scale,
        "bins": equal.bins,
        "margin": margin,
    }
    return Steps(**{name: np.float32(number) for name, number in numbers.items()})
