# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""NXdetector's ``pixel_mask``: a field of bits, where non-zero is bad; the inverse of our masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

REJECTED_BITS = 0x0000FFFF
"""A pixel with any of these is bad; the upper ones say something of it, such as 31: virtual."""
USER_BIT = 8
"""NXdetector's bit for what a user has masked."""


def from_pixel_mask(bits: ArrayLike) -> np.ndarray:
    """Return the mask of a NeXus ``pixel_mask``: boolean ``(rows, columns)``, True = good.

    Bits 0 gap, 1 dead, 2 under-, 3 over-responding, 4 noisy, 6 part of a cluster, 8 user: bad are the
    pixels with any of the bits 0 to 15.

    Raises:
        ValueError: If it is not a two-dimensional array of integers.
    """
    given = np.asarray(bits)
    if given.ndim != 2 or given.dtype.kind not in "ui":
        raise ValueError(
            f"a pixel_mask is {given.dtype} {given.shape}; expected integers (rows, columns): "
            "is it a mask of True and False already?"
        )
    return (given & REJECTED_BITS) == 0


def to_pixel_mask(mask: ArrayLike, *, bit: int = USER_BIT) -> np.ndarray:
    """Return a mask as NeXus ``pixel_mask``: uint32 ``(rows, columns)``, 0 = good.

    Args:
        mask: True = good; boolean or a :class:`~xpcs_mask_bluesky.masks.Mask`.
        bit: Set where the mask rejects, 0 to 15.

    Raises:
        ValueError: If the mask is not boolean and two-dimensional, or the bit would not reject.
    """
    given = np.asarray(mask)
    if given.ndim != 2 or given.dtype != bool:
        raise ValueError(f"mask is {given.dtype} {given.shape}; expected bool (rows, columns), True = good")
    if not 0 <= bit < 16:
        raise ValueError(f"bit {bit} of a pixel_mask does not reject a pixel; expected 0 to 15")
    return np.where(given, np.uint32(0), np.uint32(1 << bit))
