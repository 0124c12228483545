"""The beam centre from one image: about it, and only it, the intensity is a function of q."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.calibrate.annuli import annuli
from xpcs_mask_bluesky.calibrate.leastsquares import Equations, Minimum, NoMinimumError, minimise
from xpcs_mask_bluesky.calibrate.scene import CENTRE, CalibrationError, Scene
from xpcs_mask_bluesky.calibrate.spline import Spline

KNOT_SPACING = 1.0
"""Of the cubic spline through the radial profile, in px: at 1.5 a ring of one pixel's width shifts the
centre by more than its uncertainty."""
MARGIN = 3.0
"""Pixels by which the profile reaches beyond the image, so that the centre may move."""
LEAST_STRUCTURE = 3.0
"""Variance that the profile explains, per degree of freedom, over that of the noise."""
ROUNDS = 3
STIFFNESS = 1e-6
"""Of the profile where the mask leaves no pixel, relative to what pixels contribute elsewhere."""


@dataclass(frozen=True)
class Fitted:
    """What a fit of an image found."""

    values: tuple[float, ...]
    covariance: np.ndarray
    chi_squared: float
    """Per degree of freedom."""
    pixels: int


class _Profile:
    """Least squares of centre and radial profile together, at fixed weights."""

    def __init__(self, scene: Scene, centre: tuple[float, float], before: _Profile | None = None) -> None:
        self.scene, self.step = scene, scene.q_per_pixel if before is None else before.step
        q = scene.q(beam_center_x=centre[0], beam_center_y=centre[1]).ravel()
        near_beam = q < 1.5 * self.step  # q has no derivative at the beam itself
        self.chosen = np.flatnonzero(scene.counted.ravel() & ~near_beam)
        q, self.data = q[self.chosen], scene.image.ravel()[self.chosen]
        self.low = max(float(q.min()) - MARGIN * self.step, 0.0)
        self.size = int((float(q.max()) + MARGIN * self.step - self.low) / (KNOT_SPACING * self.step)) + 4
        fitted = 0.0 if before is None else before.intensity(q)
        scatter = annuli(q, self.data - fitted, 2 * self.step)
        self.chosen, self.data = self.chosen[scatter.used], self.data[scatter.used]
        self.weight = 1 / scatter.variance[scatter.index[scatter.used]]
        self.stiffness = self._stiffness(self._spline(q[scatter.used]))
        self.profile = np.zeros(self.size)

    def intensity(self, q: np.ndarray) -> np.ndarray:
        """Return the profile fitted last, at each ``q``."""
        return self._spline(q).at(self.profile)

    def _spline(self, q: np.ndarray) -> Spline:
        return Spline(q, self.low, KNOT_SPACING * self.step, self.size)

    def _stiffness(self, spline: Spline) -> np.ndarray:
        """Return the penalty on bends of the profile: it only decides where no pixel does."""
        bends = np.diff(np.eye(self.size), n=2, axis=0)
        strength = float(np.median(np.diag(spline.gram(self.weight))))
        return STIFFNESS * strength * bends.T @ bends

    def start(self, centre: tuple[float, float]) -> np.ndarray:
        """Return the parameters with the best profile for this centre."""
        q = self.scene.q(beam_center_x=centre[0], beam_center_y=centre[1]).ravel()[self.chosen]
        spline = self._spline(q)
        normal = spline.gram(self.weight) + self.stiffness
        return np.array([*centre, *np.linalg.solve(normal, spline.project(self.weight * self.data))])

    def equations(self, parameters: np.ndarray) -> Equations:
        """Return χ² and its derivatives by centre and profile."""
        q, slopes = self.scene.q_and_slopes(CENTRE, parameters[:2])
        spline, profile = self._spline(q.ravel()[self.chosen]), parameters[2:]
        residual = self.data - spline.at(profile)
        steepness = spline.slope_at(profile)
        moving = [steepness * slope.ravel()[self.chosen] for slope in slopes]
        normal = np.zeros((len(parameters),) * 2)
        normal[2:, 2:] = spline.gram(self.weight) + self.stiffness
        bend = self.stiffness @ profile
        gradient = np.r_[0.0, 0.0, spline.project(self.weight * residual) - bend]
        for k, each in enumerate(moving):
            weighted = self.weight * each
            normal[k, 2:] = normal[2:, k] = spline.project(weighted)
            normal[k, :2] = [weighted @ other for other in moving]
            gradient[k] = weighted @ residual
        return Equations(float(residual @ (self.weight * residual) + profile @ bend), normal, gradient)

    def structure(self, minimum: Minimum) -> float:
        """Return χ² won by the profile over a constant, per parameter, in units of the noise."""
        mean = np.average(self.data, weights=self.weight)
        flat = float(self.weight @ (self.data - mean) ** 2)
        freedom = len(self.data) - len(minimum.parameters)
        return (flat - minimum.chi_squared) / len(minimum.parameters) / (minimum.chi_squared / freedom)


def fit_centre(scene: Scene, start: tuple[float, float]) -> Fitted:
    """Return centre column and row, in px, with their covariance.

    Raises:
        CalibrationError: the image has no radial structure, or the fit came to no end.
    """
    problem = _Profile(scene, start)
    minimum = _minimum(problem, start)
    for _ in range(ROUNDS - 1):  # weights and outliers depend on centre and profile
        problem = _Profile(scene, _centre(minimum), problem)
        minimum = _minimum(problem, _centre(minimum))
    if problem.structure(minimum) < LEAST_STRUCTURE:
        raise CalibrationError(
            "the intensity does not change with q by more than its noise, so that no centre can be told; was "
            "the beam on, and is the mask right?"
        )
    reduced = minimum.chi_squared / (len(problem.data) - len(minimum.parameters))
    return Fitted(_centre(minimum), reduced * minimum.covariance[:2, :2], reduced, len(problem.data))


def _minimum(problem: _Profile, start: tuple[float, float]) -> Minimum:
    try:
        minimum = minimise(problem.equations, problem.start(start))
    except NoMinimumError as error:
        raise CalibrationError(f"the centre cannot be fitted: {error}; is anything circular left?") from error
    problem.profile = minimum.parameters[2:]
    return minimum


def _centre(minimum: Minimum) -> tuple[float, float]:
    return float(minimum.parameters[0]), float(minimum.parameters[1])
