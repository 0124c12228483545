# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Bins of single pixels, exactly those of the Q-map's values: for what single precision leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import label_angle
from xpcs_mask_bluesky.partitions.bins import bin_index
from xpcs_mask_bluesky.partitions.equal_bins import DOUBLE
from xpcs_mask_bluesky.qmap.maps import values_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions.sight import Sight

    Floats = NDArray[np.float64]
    Pixels = NDArray[np.intp]
    Edges = tuple[float, ...]

WIDEST = 1e-6
"""Error of phi in degrees up to which the bins at its two ends tell that in between: much below a bin."""
TINY = 1e-280
"""In m: of a smaller X or Y, arithmetic without subnormal numbers, as XLA's, tells nothing."""


def decided_q(record: GeometryRecord, sight: Sight, pixels: Pixels, edges: Edges) -> NDArray[np.int32]:
    """Return the 0-based bin of q, -1 for none, of pixels given by their flat index."""
    values = q_at(sight, pixels)
    return _decided(record, "q", pixels, values, lambda q: bin_index(q, edges))


def decided_phi(
    record: GeometryRecord, sight: Sight, pixels: Pixels, edges: Edges, turned: tuple[float, int]
) -> NDArray[np.int32]:
    """Return the 0-based bin of the angle that labels, -1 for none, of pixels by their flat index.

    ``turned`` is phi's offset in degrees and its fold.
    """
    values = phi_at(sight, pixels)
    return _decided(record, "phi", pixels, values, lambda phi: bin_index(label_angle(phi, *turned), edges))


def _decided(
    record: GeometryRecord,
    axis: str,
    pixels: Pixels,
    values: tuple[Floats, Floats],
    bins: Callable[[Floats], NDArray[np.int32]],
) -> NDArray[np.int32]:
    """Return the bins of values if they are the same at both ends of the error, else the Q-map's."""
    value, error = values
    found = bins(value - error)
    unsure = (found != bins(value + error)) | np.isnan(error)
    if unsure.any():
        found[unsure] = bins(values_at(record, axis, pixels[unsure]))
    return found


def q_at(sight: Sight, pixels: Pixels) -> tuple[Floats, Floats]:
    """Return q of some pixels, and how far at most the Q-map's value lies from it."""
    x, y, z = sight.at(pixels)
    r_squared = x * x + y * y
    length = np.sqrt(r_squared + z * z)
    sine_squared = np.where(z >= 0, r_squared / (length + np.abs(z)), length - z) / (2 * length)
    q = 2 * sight.geometry.wavenumber * np.sqrt(sine_squared)
    return q, 64 * DOUBLE * q + 2 * sight.geometry.wavenumber * sight.blur(length) / length


def phi_at(sight: Sight, pixels: Pixels) -> tuple[Floats, Floats]:
    """Return phi of some pixels, and how far at most the Q-map's value lies from it.

    The error is NaN where the value tells nothing: on the beam, and so near to ±180° that the Q-map's value
    may lie at the other end.
    """
    x, y, z = sight.at(pixels)
    r = np.hypot(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.degrees(64 * DOUBLE + 2 * sight.blur(np.hypot(r, z)) / r)
    errors[~(errors < WIDEST)] = np.nan
    if not sight.swings:
        errors[(x == 0) != (y == 0)] = 0.0  # a right angle is exact everywhere, and so is its side
    for each in (x, y):
        errors[(each != 0) & (np.abs(each) < TINY)] = np.nan
    values = -np.degrees(np.arctan2(y, x))
    errors[(errors > 0) & (np.abs(values) + errors >= 180)] = np.nan
    return values, errors
