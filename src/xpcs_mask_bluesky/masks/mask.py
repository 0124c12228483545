"""The raster of a mask: :class:`Mask`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import mask_digest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray


class Mask:
    """Which pixels count: True = counted. Read-only, ``(rows, columns)``.

    Args:
        array: Boolean, or 0 and 1.

    Raises:
        ValueError: If it is not two-dimensional, or holds anything but 0 and 1.
    """

    def __init__(self, array: ArrayLike) -> None:
        given = np.asarray(array)
        if given.ndim != 2 or 0 in given.shape:
            raise ValueError(f"a mask is (rows, columns) of pixels; this is {given.shape}")
        if given.dtype != bool and not np.isin(given, (0, 1)).all():
            raise ValueError(
                f"mask holds {given.dtype} values other than 0 and 1; expected True = counted; "
                "is it a NeXus pixel_mask (a bit field, non-zero = bad)?"
            )
        bits = given.astype(bool)
        bits.flags.writeable = False
        self._bits: NDArray[np.bool_] = bits

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._bits.shape[0], self._bits.shape[1]

    @cached_property
    def counted(self) -> int:
        """Number of pixels that count."""
        return int(np.count_nonzero(self._bits))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and bits, 64 hexadecimal characters."""
        return mask_digest(self._bits)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy or (dtype is not None and np.dtype(dtype) != bool):
            return self._bits.astype(dtype or bool)
        return self._bits

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and np.array_equal(self._bits, other._bits)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"Mask({rows}×{columns}, {self.counted} counted, {self.digest[:8]})"
