"""The beam centre from one image: about it, and only it, the intensity is a function of q."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.calibrate.asymmetry import Asymmetry, asymmetry, contradiction, imitated
from xpcs_mask_bluesky.calibrate.leastsquares import Minimum, NoMinimumError, minimise
from xpcs_mask_bluesky.calibrate.radial import RadialFit
from xpcs_mask_bluesky.calibrate.scene import CalibrationError, Scene

LEAST_STRUCTURE = 3.0
"""Variance that the profile explains, per degree of freedom, over that of the noise."""
ROUNDS = 3
NOT_APART = (
    "the intensity slopes to one side, which this image's shape does not tell from a shifted centre; "
    "mask what is not circular (a shadow, a reflection), or take an image with rings or sharper minima"
)


@dataclass(frozen=True)
class Fitted:
    """What a fit of an image found."""

    values: tuple[float, ...]
    covariance: np.ndarray
    chi_squared: float
    """Per degree of freedom."""
    pixels: int
    slope: tuple[float, float] | None = None
    """Of the intensity along column and row, per 100 px, fitted together with the centre; None: none seen."""
    sensitivity: tuple[float, float] | None = None
    """Pixels by which a slope not seen, of 1 per 100 px, would move the centre along column and row."""


@dataclass(frozen=True)
class _Fit:
    problem: RadialFit
    minimum: Minimum

    @property
    def reduced(self) -> float:
        return self.minimum.chi_squared / self.problem.freedom

    @property
    def fixed(self) -> tuple[float, ...]:
        return tuple(map(float, self.minimum.parameters[: self.problem.fixed]))


def fit_centre(scene: Scene, start: tuple[float, float]) -> Fitted:
    """Return centre column and row, in px, with their covariance.

    The covariance grows where parts of the image at different q contradict each other. Where the
    intensity is seen to slope to one side, the slope is fitted too.

    Raises:
        CalibrationError: the image has no radial structure, a slope cannot be told from a shift, or the
            fit came to no end.
    """
    try:
        plain = _fit(scene, start)
    except NoMinimumError as error:
        return _on_slope(scene, start, f"the centre cannot be fitted: {error}; is anything circular left?")
    found = asymmetry(plain.problem, plain.minimum.parameters, plain.reduced)
    if found.seen:
        return _on_slope(scene, plain.fixed, NOT_APART)
    return _circular(plain, found)


def _fit(scene: Scene, fixed: tuple[float, ...]) -> _Fit:
    fit = _fitted(RadialFit(scene, fixed, sloped=len(fixed) > 2), fixed)
    for _ in range(ROUNDS - 1):  # weights and outliers depend on centre and profile
        problem = RadialFit(scene, fit.fixed, sloped=fit.problem.sloped, before=fit.problem)
        fit = _fitted(problem, fit.fixed)
    if fit.problem.structure(fit.minimum) < LEAST_STRUCTURE:
        raise CalibrationError(
            "the intensity does not change with q by more than its noise, so that no centre can be told; was "
            "the beam on, and is the mask right?"
        )
    return fit


def _fitted(problem: RadialFit, fixed: tuple[float, ...]) -> _Fit:
    minimum = minimise(problem.equations, problem.start(fixed))
    problem.profile = minimum.parameters[problem.fixed :]
    return _Fit(problem, minimum)


def _circular(fit: _Fit, found: Asymmetry) -> Fitted:
    covariance = fit.reduced * max(1.0, found.contradiction) * fit.minimum.covariance[:2, :2]
    x, y = map(float, found.sensitivity)
    return Fitted(fit.fixed, covariance, fit.reduced, len(fit.problem.data), sensitivity=(x, y))


def _on_slope(scene: Scene, centre: tuple[float, ...], else_say: str) -> Fitted:
    """Return the centre of an image whose intensity slopes."""
    try:
        fit = _fit(scene, (*centre[:2], 0.0, 0.0))
    except NoMinimumError as error:
        raise CalibrationError(else_say) from error
    information = np.linalg.inv(fit.minimum.covariance[:4, :4])
    information[[0, 1], [0, 1]] -= imitated(fit.problem, fit.minimum.parameters)
    if np.linalg.eigvalsh(information)[0] <= 0:
        raise CalibrationError(NOT_APART)
    at = fit.problem.linearised(fit.minimum.parameters)
    shifts = at.apart_from_profile(fit.problem.weight, fit.problem.stiffness, at.shifts)
    more = max(1.0, contradiction(fit.problem, at, shifts, fit.reduced))
    covariance = fit.reduced * more * np.linalg.inv(information)[:2, :2]
    x, y, *slope = fit.fixed
    return Fitted((x, y), covariance, fit.reduced, len(fit.problem.data), slope=(slope[0], slope[1]))
