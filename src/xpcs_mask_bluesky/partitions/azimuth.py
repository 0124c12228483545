"""The angle that labels: phi shifted, wrapped and folded; and the way back for centres and means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def label_angle(values: NDArray[np.float64], offset: float, fold: int) -> NDArray[np.float64]:
    """Return φ, in degrees, as the angle that labels.

    With an offset, φ + offset is wrapped to ±180; with ``fold`` > 1 it becomes (φ + 180) mod 360 / fold.
    Offset 0 and fold 1 leave φ as it is.
    """
    if offset == 0 and fold == 1:
        return values
    shifted = values if offset == 0 else wrapped(values + offset)
    return shifted if fold == 1 else np.mod(shifted + 180.0, 360.0 / fold)


def label_period(fold: int) -> tuple[float, float]:
    """Return where the angle that labels starts, and after how many degrees it starts anew."""
    return (-180.0, 360.0) if fold == 1 else (0.0, 360.0 / fold)


def unwrapped(values: NDArray[np.float64], start: float, period: float) -> NDArray[np.float64]:
    """Return angles brought to ``start`` ≤ φ < ``start + period``; those there stay bit for bit."""
    return values - period * np.floor((values - start) / period)


def wrapped(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles brought to -180 ≤ φ < 180; those that lie there already stay bit for bit."""
    inside = (angle >= -180) & (angle < 180)
    return np.where(inside, angle, np.mod(angle + 180.0, 360.0) - 180.0)


def nominal_azimuth(label_angle: NDArray[np.float64], offset: float, fold: int) -> NDArray[np.float64]:
    """Return the φ of a labelling angle, in degrees: offset undone, in the first fold.

    The first fold is 0 ≤ φ < 360 / fold for ``fold`` > 1, and ±180 without folding.
    """
    if fold == 1:
        return wrapped(label_angle if offset == 0 else label_angle - offset)
    return into_first_fold(label_angle - 180.0 - offset, fold)


def into_first_fold(angle: NDArray[np.float64], fold: int) -> NDArray[np.float64]:
    """Return angles in the first fold (see :func:`nominal_azimuth`)."""
    return wrapped(angle) if fold == 1 else np.mod(angle, 360.0 / fold)
