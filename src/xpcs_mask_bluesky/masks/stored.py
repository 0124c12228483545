# numpy and pydantic leave some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Operations that name pixels one by one: in a list, or as a stored array."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt, PrivateAttr

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.masks.base import Digest, Layer, Operation, one_line


class Pixels(Operation):
    """Reject the listed pixels, each ``(row, column)``."""

    kind: Literal["pixels"] = "pixels"
    layer = Layer.PARAMETER
    pixels: Annotated[tuple[tuple[NonNegativeInt, NonNegativeInt], ...], Field(min_length=1)]
    reason: str = ""
    """Why, or where the list comes from; for people."""

    def describe(self) -> str:
        """Return one line for people."""
        first = ", ".join(f"({row}, {column})" for row, column in self.pixels[:3])
        more = f" and {len(self.pixels) - 3} more" if len(self.pixels) > 3 else ""
        why = f": {one_line(self.reason)}" if self.reason else ""
        return f"pixels {first}{more}{why}"


class StoredMask(Operation):
    """Keep only the good pixels of a stored array (True = good)."""

    digest: Digest
    """``array_digest`` of the boolean array, under which it is stored."""
    shape: tuple[PositiveInt, PositiveInt]
    rejected: NonNegativeInt
    """Number of bad pixels."""
    source: str = ""
    """Where it comes from, for people."""
    _array: Any = PrivateAttr(default=None)

    @classmethod
    def from_array(cls, array: np.ndarray, *, source: str = "") -> Self:
        """Return the operation of a mask, and keep the array at hand for ``evaluate``.

        Args:
            array: Boolean ``(rows, columns)``, True = good.
            source: Where it comes from, for people.

        Raises:
            ValueError: If the array is not boolean or not two-dimensional.
        """
        if array.dtype != bool or array.ndim != 2:
            raise ValueError(
                f"{cls._what()} is {array.dtype} {array.shape}; expected bool (rows, columns), True = good; "
                "a NeXus pixel_mask has the opposite polarity"
            )
        kept = array.copy()
        kept.flags.writeable = False
        operation = cls(
            digest=array_digest(kept),
            shape=(kept.shape[0], kept.shape[1]),
            rejected=int(kept.size - np.count_nonzero(kept)),
            source=source,
        )
        operation._array = kept
        return operation

    @classmethod
    def _what(cls) -> str:
        return "mask"

    @property
    def array(self) -> np.ndarray | None:
        """The mask itself, where this operation was made from it; None after reading from JSON."""
        return self._array

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """The mask's digest."""
        return (self.digest,)

    def describe(self) -> str:
        """Return one line for people."""
        source = f" from {one_line(self.source)}" if self.source else ""
        return f"{self._what()} of {self.rejected} pixels{source}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.digest, self.source))


class Blemish(StoredMask):
    """The detector's own mask: gaps, dead pixels."""

    kind: Literal["blemish"] = "blemish"
    layer = Layer.DEFAULT

    @classmethod
    def _what(cls) -> str:
        return "blemish"


class FileMask(StoredMask):
    """A mask that came from a file; :func:`xpcs_mask_bluesky.files.images.read_mask` makes one.

    It holds no path: the pixels are stored by their digest, as declared polarity and orientation made
    them.
    """

    kind: Literal["file"] = "file"
    layer = Layer.PARAMETER

    @classmethod
    def _what(cls) -> str:
        return "file mask"


class DrawnMask(StoredMask):
    """What was drawn elsewhere, as an array: part of the drawn layer, so that an eraser restores from it."""

    kind: Literal["drawn"] = "drawn"
    layer = Layer.DRAWING

    @classmethod
    def _what(cls) -> str:
        return "drawn mask"
