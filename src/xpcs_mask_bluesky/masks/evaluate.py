# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""From operations to the raster: which pixels count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks.base import Layer, Operation
from xpcs_mask_bluesky.masks.context import Arrays, Bits, Context
from xpcs_mask_bluesky.masks.drawing import drawn
from xpcs_mask_bluesky.masks.mask import Mask
from xpcs_mask_bluesky.masks.outliers import outliers
from xpcs_mask_bluesky.masks.stored import Pixels, StoredMask
from xpcs_mask_bluesky.masks.values import Constraint, Outliers, Threshold

if TYPE_CHECKING:
    from xpcs_mask_bluesky.qmap import QMap


def evaluate(
    history: History[Operation] | Sequence[Operation],
    *,
    shape: tuple[int, int],
    qmap: QMap | None = None,
    image: np.ndarray | None = None,
    arrays: Arrays | None = None,
) -> Mask:
    """Return the mask that operations make: the AND of the layers default, threshold, parameter, drawing.

    The default operations of a history make a mask of their own, which nothing else changes: no eraser
    restores what they rejected, whatever their kind. Outliers are looked for last of the parameter
    layer, among the pixels that are left then. A shape that lies off the detector holds no pixel, and
    is warned of (:class:`~xpcs_mask_bluesky.masks.OffDetector`).

    Args:
        history: The operations that count, in order.
        shape: Rows and columns of the detector.
        qmap: Of the geometry in force; constraints need it, and shapes that follow the beam.
        image: For thresholds and outliers that record none of their own, ``(rows, columns)``.
        arrays: Resolves the digests that operations name: a mapping, or a function that raises
            ``KeyError`` for an unknown one.

    Raises:
        ValueError: If an operation lacks its Q-map, image or stored array, names an unknown axis or a
            pixel off the detector, or if one of those has another shape.
    """
    if qmap is not None and qmap.shape != tuple(shape):
        raise ValueError(f"the Q-map is {qmap.shape}, the detector {tuple(shape)} (rows, columns)")
    context = Context((shape[0], shape[1]), qmap, image, arrays)
    good = np.ones(context.shape, dtype=bool)
    if isinstance(history, History):
        _reject(good, history.default, context)
        _reject(good, history.operations[len(history.default) :], context)
    else:
        _reject(good, tuple(history), context)
    return Mask(good)


def _reject(good: Bits, operations: Sequence[Operation], context: Context) -> None:
    """Take from ``good`` what operations reject, layer by layer."""
    layers = {layer: [each for each in operations if each.layer is layer] for layer in Layer}
    parameter = layers[Layer.PARAMETER]
    for operation in (*layers[Layer.DEFAULT], *layers[Layer.THRESHOLD], *parameter):
        _reject_one(good, operation, context)
    _constrain(good, [each for each in parameter if isinstance(each, Constraint)], context)
    for operation in parameter:
        if isinstance(operation, Outliers):
            good &= ~outliers(operation, good, context)
    if layers[Layer.DRAWING]:
        good &= ~drawn(layers[Layer.DRAWING], context)


def _reject_one(good: Bits, operation: Operation, context: Context) -> None:
    match operation:
        case StoredMask():
            good &= context.kept_by(operation)
        case Threshold():
            good &= _within(operation, context)
        case Pixels():
            rows, columns = _indices(operation, context)
            good[rows, columns] = False
        case Constraint() | Outliers():
            pass  # these look at all of their layer together
        case _:
            raise ValueError(f"a {type(operation).__name__} cannot be evaluated")


def _within(operation: Threshold, context: Context) -> Bits:
    image = context.image_of(operation)
    kept = ~np.isnan(image) if image.dtype.kind == "f" else np.ones(image.shape, dtype=bool)
    if operation.low is not None:
        kept &= image >= operation.low
    if operation.high is not None:
        kept &= image < operation.high
    return kept


def _indices(operation: Pixels, context: Context) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.asarray(operation.pixels, dtype=np.intp).T
    outside = (rows >= context.shape[0]) | (columns >= context.shape[1])
    if outside.any():
        first = operation.pixels[int(np.argmax(outside))]
        raise ValueError(
            f"{int(outside.sum())} listed pixels lie off the detector of {context.shape} (rows, columns), "
            f"the first {first}; are they (column, row)?"
        )
    return rows, columns


def _constrain(good: Bits, constraints: Sequence[Constraint], context: Context) -> None:
    if not constraints:
        return
    result = _satisfied(constraints[0], context)
    for constraint in constraints[1:]:
        kept = _satisfied(constraint, context)
        result = result | kept if constraint.logic == "OR" else result & kept
    good &= result


def _satisfied(constraint: Constraint, context: Context) -> np.ndarray:
    values = context.axis(constraint.axis, constraint)
    lower, upper = constraint.lower, constraint.upper
    if constraint.axis == "phi" and lower is not None and upper is not None:
        return _azimuth_within(values, lower, upper)
    kept = ~np.isnan(values)
    if lower is not None:
        kept &= values >= lower
    if upper is not None:
        kept &= values <= upper
    return kept


def _azimuth_within(phi: np.ndarray, lower: float, upper: float) -> np.ndarray:
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
