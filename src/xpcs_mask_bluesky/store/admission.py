"""What must hold of an operation before the log takes it: that it can be evaluated, here and later."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.masks import (
    Constraint,
    Eraser,
    ImageReference,
    OffDetector,
    OfImage,
    Operation,
    Pixels,
    Shape,
    StoredMask,
    Threshold,
    evaluate,
)
from xpcs_mask_bluesky.masks.raster import extent
from xpcs_mask_bluesky.store.images import FrameSource, Statistic, frames_of_last_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from xpcs_mask_bluesky.store.detector import DetectorNode

TO_THE_CALLER = 6
"""Frames from a warning here to the line that called a tool of an edit."""


def with_image(
    detector: DetectorNode, operation: Operation, image: np.ndarray | None, statistic: Statistic
) -> tuple[Operation, dict[str, np.ndarray]]:
    """Return the operation with all that it needs recorded, and the arrays to store for it by digest.

    Raises:
        LookupError: it needs an image, none was given, and no run has frames of this detector.
        ValueError: the image has another shape, or is not of numbers.
    """
    if isinstance(operation, StoredMask):
        array = operation.array
        return operation, {} if array is None else {operation.digest: array}
    if not isinstance(operation, OfImage) or (operation.image is not None and image is None):
        return operation, {}
    source = (
        frames_of_last_run(detector).image(statistic) if image is None else FrameSource(np.asarray(image))
    )
    return referring(detector, operation, source), {array_digest(source.image): source.image}


def referring(detector: DetectorNode, operation: OfImage, source: FrameSource) -> OfImage:
    """Return the operation on another image.

    Raises:
        ValueError: the image has another shape than the detector, or is not of numbers.
    """
    what = f"the {operation.kind}'s image"  # type: ignore[attr-defined]
    detector.check_shape(source.image.shape, what)
    if source.image.dtype.kind not in "buif":
        raise ValueError(f"{what} is {source.image.dtype}; expected numbers")
    reference = ImageReference(
        digest=array_digest(source.image), run=source.run, stream=source.stream, frames=source.frames
    )
    return operation.model_copy(update={"image": reference})


def admit(detector: DetectorNode, operation: Operation, array: Callable[[str], np.ndarray]) -> None:
    """Raise ``ValueError`` if an operation does not fit the detector; warn if a shape is clipped.

    Args:
        detector: Whose mask it is for.
        operation: With its image recorded.
        array: Resolves digests.
    """
    match operation:
        case Constraint():
            _check_axis(operation)
        case Pixels() | StoredMask() | Threshold():
            evaluate((operation,), shape=detector.shape, arrays=array)
        case OfImage(image=ImageReference() as reference):
            detector.check_shape(array(reference.digest).shape, f"the image of: {operation.describe()}")
        case Shape(frame="pixel"):
            _say_if_clipped(operation, detector.shape)
        case Eraser(shape=Shape(frame="pixel") as shape):
            _say_if_clipped(shape, detector.shape)
        case _:
            pass  # what follows the beam or what is drawn fits any detector


def _check_axis(constraint: Constraint) -> None:
    from xpcs_mask_bluesky.qmap import UNITS

    if constraint.axis not in UNITS:
        raise ValueError(f"constraint on {constraint.axis!r}; expected one of {', '.join(UNITS)}")


def _say_if_clipped(shape: Shape, size: tuple[int, int]) -> None:
    low_row, high_row, low_column, high_column = extent(shape)
    if low_row >= -0.5 and low_column >= -0.5 and high_row <= size[0] - 0.5 and high_column <= size[1] - 0.5:
        return
    off = high_row <= 0 or high_column <= 0 or low_row >= size[0] - 1 or low_column >= size[1] - 1
    what = "lies off the detector and holds no pixel" if off else "reaches beyond the detector and is clipped"
    warnings.warn(
        f"{shape.outline()} {what}; the detector is {size} (rows, columns)",
        OffDetector,
        stacklevel=TO_THE_CALLER,
    )
