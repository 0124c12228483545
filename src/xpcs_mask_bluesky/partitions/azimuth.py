"""The angle that labels: phi shifted, wrapped and folded; and the way back for centres and means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.qmap import QMap


def label_coordinate(qmap: QMap, axis: str, offset: float, fold: int) -> NDArray[np.float64]:
    """Return the values of an axis by which pixels are labelled, ``(rows, columns)``.

    All axes but phi are taken as they are. For phi, with an offset, φ + offset is wrapped to ±180; with
    ``fold`` > 1 it becomes (φ + 180) mod 360 / fold. Offset 0 and fold 1 leave φ as it is.

    Raises:
        ValueError: If the Q-map has no such axis.
    """
    if axis not in qmap.axes:
        raise ValueError(f"no axis {axis!r}; this Q-map has {', '.join(qmap.axes)}")
    values = qmap[axis]
    return values if axis != "phi" else label_angle(values, offset, fold)


def label_angle(values: NDArray[np.float64], offset: float, fold: int) -> NDArray[np.float64]:
    """Return φ, in degrees, as the angle that labels (see :func:`label_coordinate`)."""
    if offset == 0 and fold == 1:
        return values
    shifted = values if offset == 0 else wrapped(values + offset)
    return shifted if fold == 1 else np.mod(shifted + 180.0, 360.0 / fold)


def wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles brought to -180 ≤ φ < 180; those that lie there already stay bit for bit."""
    inside = (angle >= -180) & (angle < 180)
    return np.where(inside, angle, np.mod(angle + 180.0, 360.0) - 180.0)


def nominal_azimuth(label_angle: NDArray[np.float64], offset: float, fold: int) -> NDArray[np.float64]:
    """Return the φ of a labelling angle, in degrees: offset undone, in the first fold.

    The first fold is 0 ≤ φ < 360 / fold for ``fold`` > 1, and ±180 without folding.
    """
    if fold == 1:
        return label_angle if offset == 0 else wrapped(label_angle - offset)
    return into_first_fold(label_angle - 180.0 - offset, fold)


def into_first_fold(angle: NDArray[np.float64], fold: int) -> NDArray[np.float64]:
    """Return angles in the first fold (see :func:`nominal_azimuth`)."""
    return wrapped(angle) if fold == 1 else np.mod(angle, 360.0 / fold)
