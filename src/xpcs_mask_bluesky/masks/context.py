"""What operations are evaluated on: the detector's shape, a Q-map, an image, stored arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.digests import array_digest

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks.base import Operation
    from xpcs_mask_bluesky.masks.stored import StoredMask
    from xpcs_mask_bluesky.masks.values import OfImage
    from xpcs_mask_bluesky.qmap import QMap

Bits = np.ndarray[Any, np.dtype[np.bool_]]
Arrays = Mapping[str, np.ndarray] | Callable[[str], np.ndarray]


class OffDetector(UserWarning):
    """A shape reaches beyond the detector, or lies off it altogether; it was clipped."""


class MostRejected(UserWarning):
    """An edit leaves less than half of the pixels that counted before."""


@dataclass(frozen=True)
class Context:
    """What operations are evaluated on."""

    shape: tuple[int, int]
    qmap: QMap | None = None
    image: np.ndarray | None = None
    arrays: Arrays | None = None

    def stored(self, digest: str, what: str) -> np.ndarray:
        """Return the array with this digest, of the detector's shape.

        Raises:
            ValueError: If it is not at hand or has another shape.
        """
        try:
            found = self.arrays(digest) if callable(self.arrays) else (self.arrays or {})[digest]
        except KeyError as error:
            raise ValueError(f"{what} {digest[:8]} is not at hand; pass arrays= to resolve it") from error
        return self.fitting(found, what)

    def kept_by(self, operation: StoredMask) -> np.ndarray:
        """Return the array of a stored mask, of the detector's shape: True = good.

        Raises:
            ValueError: If it is not at hand, has another shape, or is not boolean.
        """
        what = operation.describe()
        if operation.array is not None:
            return self.fitting(operation.array, what)
        found = self.stored(operation.digest, what)
        if found.dtype != bool:
            raise ValueError(f"{what} is stored as {found.dtype}; expected bool, True = good")
        return found

    def fitting(self, array: np.ndarray, what: str) -> np.ndarray:
        """Return ``array`` if it has the detector's shape.

        Raises:
            ValueError: If it has another.
        """
        if array.shape != self.shape:
            hint = "; is it transposed?" if array.shape == self.shape[::-1] else ""
            raise ValueError(f"{what} is {array.shape}, the detector {self.shape} (rows, columns){hint}")
        return array

    def image_of(self, operation: OfImage) -> np.ndarray:
        """Return the image that an operation records, or else the one that was given.

        Raises:
            ValueError: If there is none, or if the recorded one is not at hand.
        """
        recorded = operation.image
        given = None if self.image is None else self.fitting(np.asarray(self.image), "image")
        if recorded is None:
            if given is None:
                raise ValueError(f"{operation.describe()} needs an image; pass image=, (rows, columns)")
            return given
        if given is not None and array_digest(given) == recorded.digest:
            return given
        return self.stored(recorded.digest, f"the image of the {type(operation).__name__.lower()}")

    def axis(self, name: str, operation: Operation) -> np.ndarray:
        """Return a map of the Q-map, for an operation.

        Raises:
            ValueError: If there is no Q-map, or no such axis.
        """
        if self.qmap is None:
            raise ValueError(f"{operation.describe()} needs the Q-map; pass qmap=")
        if name not in self.qmap:
            raise ValueError(
                f"{type(operation).__name__.lower()} on {name!r}: this Q-map has {', '.join(self.qmap.axes)}"
            )
        return self.qmap[name]

    def beam(self, operation: Operation) -> tuple[float, float]:
        """Return row and column of the direct beam.

        Raises:
            ValueError: If there is no geometry, or the beam does not meet the detector's plane.
        """
        if self.qmap is None:
            raise ValueError(f"{operation.describe()} follows the beam and needs the Q-map; pass qmap=")
        met = self.qmap.record.direct_beam
        if met is None:
            raise ValueError(
                f"{operation.describe()} follows the beam, which does not meet the detector's plane "
                "at these swing angles"
            )
        return met[1], met[0]
