# numpy and pydantic leave some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""From operations to the raster: which pixels count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import array_digest, mask_digest
from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks.base import Layer, Operation
from xpcs_mask_bluesky.masks.shapes import Circle, Rectangle
from xpcs_mask_bluesky.masks.stored import Blemish, Pixels
from xpcs_mask_bluesky.masks.values import Constraint, Threshold

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from xpcs_mask_bluesky.qmap import QMap

    Bits = NDArray[np.bool_]
    Arrays = Mapping[str, np.ndarray] | Callable[[str], np.ndarray]


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
        self._bits: Bits = bits

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


@dataclass(frozen=True)
class _Context:
    """What operations are evaluated on."""

    shape: tuple[int, int]
    qmap: QMap | None
    image: np.ndarray | None
    arrays: Arrays | None

    def stored(self, digest: str, what: str) -> np.ndarray:
        try:
            found = self.arrays(digest) if callable(self.arrays) else (self.arrays or {})[digest]
        except KeyError as error:
            raise ValueError(f"{what} {digest[:8]} is not at hand; pass arrays= to resolve it") from error
        return self.fitting(found, what)

    def fitting(self, array: np.ndarray, what: str) -> np.ndarray:
        if array.shape != self.shape:
            hint = "; is it transposed?" if array.shape == self.shape[::-1] else ""
            raise ValueError(f"{what} is {array.shape}, the detector {self.shape} (rows, columns){hint}")
        return array


def evaluate(
    history: History[Operation] | Sequence[Operation],
    *,
    shape: tuple[int, int],
    qmap: QMap | None = None,
    image: np.ndarray | None = None,
    arrays: Arrays | None = None,
) -> Mask:
    """Return the mask that operations make: the AND of the layers default, threshold, parameter, drawing.

    Args:
        history: The operations that count, in order.
        shape: Rows and columns of the detector.
        qmap: Of the geometry in force; constraints need it.
        image: For thresholds that record none of their own, ``(rows, columns)``.
        arrays: Resolves the digests that operations name: a mapping, or a function that raises
            ``KeyError`` for an unknown one.

    Raises:
        ValueError: If an operation lacks its Q-map, image or stored array, names an unknown axis or a
            pixel off the detector, or if one of those has another shape.
    """
    operations = history.operations if isinstance(history, History) else tuple(history)
    if qmap is not None and qmap.shape != tuple(shape):
        raise ValueError(f"the Q-map is {qmap.shape}, the detector {tuple(shape)} (rows, columns)")
    context = _Context((shape[0], shape[1]), qmap, image, arrays)
    good = np.ones(context.shape, dtype=bool)
    for layer in Layer:
        for operation in (each for each in operations if each.layer is layer):
            if not isinstance(operation, Constraint):
                _reject(good, operation, context)
        if layer is Layer.PARAMETER:
            _constrain(good, [each for each in operations if isinstance(each, Constraint)], context)
    return Mask(good)


def _reject(good: Bits, operation: Operation, context: _Context) -> None:
    match operation:
        case Blemish():
            good &= _blemish(operation, context)
        case Threshold():
            good &= _within(operation, context)
        case Pixels():
            rows, columns = _indices(operation, context)
            good[rows, columns] = False
        case Rectangle() | Circle():
            window, inside = _inside(operation, context.shape)
            good[window] &= ~inside
        case _:
            raise ValueError(f"a {type(operation).__name__} cannot be evaluated")


def _blemish(operation: Blemish, context: _Context) -> np.ndarray:
    if operation.array is not None:
        return context.fitting(operation.array, "blemish")
    return context.stored(operation.digest, "blemish").astype(bool, copy=False)


def _within(operation: Threshold, context: _Context) -> Bits:
    image = _image(operation, context)
    kept = ~np.isnan(image) if image.dtype.kind == "f" else np.ones(image.shape, dtype=bool)
    if operation.low is not None:
        kept &= image >= operation.low
    if operation.high is not None:
        kept &= image < operation.high
    return kept


def _image(operation: Threshold, context: _Context) -> np.ndarray:
    recorded = operation.image
    given = None if context.image is None else context.fitting(np.asarray(context.image), "image")
    if recorded is None:
        if given is None:
            raise ValueError(f"{operation.describe()} needs an image; pass image=, (rows, columns)")
        return given
    if given is not None and array_digest(given) == recorded.digest:
        return given
    return context.stored(recorded.digest, "the threshold's image")


def _indices(operation: Pixels, context: _Context) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.asarray(operation.pixels, dtype=np.intp).T
    outside = (rows >= context.shape[0]) | (columns >= context.shape[1])
    if outside.any():
        first = operation.pixels[int(np.argmax(outside))]
        raise ValueError(
            f"{int(outside.sum())} listed pixels lie off the detector of {context.shape} (rows, columns), "
            f"the first {first}; are they (column, row)?"
        )
    return rows, columns


def _inside(shape_drawn: Rectangle | Circle, shape: tuple[int, int]) -> tuple[tuple[slice, slice], Bits]:
    """Return the window that a shape touches, and which of its pixel centres lie strictly inside."""
    reach = (
        shape_drawn.radius
        if isinstance(shape_drawn, Circle)
        else float(np.hypot(shape_drawn.height, shape_drawn.width)) / 2
    )
    window = (
        _around(shape_drawn.row, reach, shape[0]),
        _around(shape_drawn.column, reach, shape[1]),
    )
    down = np.arange(window[0].start, window[0].stop)[:, None] - shape_drawn.row
    right = np.arange(window[1].start, window[1].stop)[None, :] - shape_drawn.column
    if isinstance(shape_drawn, Circle):
        return window, down**2 + right**2 < shape_drawn.radius**2
    cosine, sine = _turn(shape_drawn.angle)
    along_height = cosine * down + sine * right
    along_width = cosine * right - sine * down
    return window, (np.abs(along_height) < shape_drawn.height / 2) & (
        np.abs(along_width) < shape_drawn.width / 2
    )


def _around(centre: float, reach: float, size: int) -> slice:
    start = min(max(int(np.floor(centre - reach)), 0), size)
    return slice(start, max(min(int(np.ceil(centre + reach)) + 1, size), start))


def _turn(angle: float) -> tuple[float, float]:
    quarter, rest = divmod(angle, 90.0)
    if rest == 0:  # cos 90° is not 0 in floating point, and an edge is excluded exactly
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarter) % 4]
    return float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))


def _constrain(good: Bits, constraints: Sequence[Constraint], context: _Context) -> None:
    if not constraints:
        return
    if context.qmap is None:
        raise ValueError(f"{constraints[0].describe()} needs the Q-map; pass qmap=")
    result = _satisfied(constraints[0], context.qmap)
    for constraint in constraints[1:]:
        kept = _satisfied(constraint, context.qmap)
        result = result | kept if constraint.logic == "OR" else result & kept
    good &= result


def _satisfied(constraint: Constraint, qmap: QMap) -> Bits:
    if constraint.axis not in qmap:
        raise ValueError(f"constraint on {constraint.axis!r}: this Q-map has {', '.join(qmap.axes)}")
    values = qmap[constraint.axis]
    lower, upper = constraint.lower, constraint.upper
    if constraint.axis == "phi" and lower is not None and upper is not None:
        return _azimuth_within(values, lower, upper)
    kept = ~np.isnan(values)
    if lower is not None:
        kept &= values >= lower
    if upper is not None:
        kept &= values <= upper
    return kept


def _azimuth_within(phi: np.ndarray, lower: float, upper: float) -> Bits:
    """Return whether phi lies on the arc from lower up to upper, both ends included.

    The ends are first brought to ±180; an end that needs no turn is compared exactly as given.
    """
    if upper - lower >= 360:
        return ~np.isnan(phi)
    lower, upper = _wrapped(lower), _wrapped(upper)
    if lower <= upper:
        kept = (phi >= lower) & (phi <= upper)
        if -180 in (lower, -upper):  # -180 and 180 are one angle, which the closed arc holds
            kept |= np.abs(phi) == 180
        return kept
    return (phi >= lower) | (phi <= upper)


def _wrapped(angle: float) -> float:
    return angle if -180 <= angle <= 180 else (angle + 180) % 360 - 180
