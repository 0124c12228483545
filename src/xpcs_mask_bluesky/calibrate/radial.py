"""An image as a function of q, a cubic spline, about a centre; if asked for, on a slope of the intensity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.calibrate.annuli import annuli
from xpcs_mask_bluesky.calibrate.leastsquares import Equations, Minimum
from xpcs_mask_bluesky.calibrate.scene import CENTRE, Scene
from xpcs_mask_bluesky.calibrate.spline import Spline

KNOT_SPACING = 1.0
"""Of the cubic spline through the radial profile, in px: at 1.5 a ring of one pixel's width shifts the
centre by more than its uncertainty."""
MARGIN = 3.0
"""Pixels by which the profile reaches beyond the image, so that the centre may move."""
STIFFNESS = 1e-6
"""Of the profile where the mask leaves no pixel, relative to what pixels contribute elsewhere."""
SLOPE_LENGTH = 100.0
"""Pixels over which a slope of 1 doubles the intensity."""


@dataclass(frozen=True)
class Linearised:
    """The model at some parameters, pixel by pixel."""

    spline: Spline
    intensity: np.ndarray
    """The profile, without slope."""
    factor: np.ndarray
    """Of the slope."""
    residual: np.ndarray
    shifts: list[np.ndarray]
    """Derivatives of the model by the centre's column and row."""
    tilts: list[np.ndarray]
    """Derivatives of the model by the slopes along column and row."""
    per_pixel: list[np.ndarray]
    """Derivatives of q by the centre's column and row."""

    def apart_from_profile(
        self, weight: np.ndarray, stiffness: np.ndarray, derivatives: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Return what of these derivatives no change of the profile can make."""
        gram = self.spline.gram(weight * self.factor**2) + stiffness
        spent = [self.spline.project(weight * self.factor * each) for each in derivatives]
        return [
            each - self.factor * self.spline.at(np.linalg.solve(gram, part))
            for each, part in zip(derivatives, spent, strict=True)
        ]


class RadialFit:
    """Least squares of centre and radial profile together, at fixed weights.

    Parameters are the centre's column and row, then, if ``sloped``, the slopes of the intensity along
    column and row, per :data:`SLOPE_LENGTH`, then the profile.
    """

    def __init__(
        self, scene: Scene, fixed: tuple[float, ...], *, sloped: bool = False, before: RadialFit | None = None
    ) -> None:
        self.scene, self.sloped = scene, sloped
        self.step = scene.q_per_pixel if before is None else before.step
        q = scene.q(beam_center_x=fixed[0], beam_center_y=fixed[1]).ravel()
        near_beam = q < 1.5 * self.step  # q has no derivative at the beam itself
        self.chosen = np.flatnonzero(scene.counted.ravel() & ~near_beam)
        q, self.data = q[self.chosen], scene.image.ravel()[self.chosen]
        self.low = max(float(q.min()) - MARGIN * self.step, 0.0)
        self.size = int((float(q.max()) + MARGIN * self.step - self.low) / (KNOT_SPACING * self.step)) + 4
        self._keep(q, 0.0 if before is None else before.model(q, self._factor(fixed)))
        self.profile = np.zeros(self.size)

    @property
    def fixed(self) -> int:
        """How many parameters come before the profile."""
        return 4 if self.sloped else 2

    @property
    def freedom(self) -> int:
        """Pixels less parameters."""
        return len(self.data) - self.fixed - self.size

    def model(self, q: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return the intensity fitted last, at each ``q``."""
        return factor * self.spline(q).at(self.profile)

    def spline(self, q: np.ndarray) -> Spline:
        """Return where values of q lie among the profile's knots."""
        return Spline(q, self.low, KNOT_SPACING * self.step, self.size)

    def start(self, fixed: tuple[float, ...]) -> np.ndarray:
        """Return the parameters with the best profile for this centre and slope."""
        q = self.scene.q(beam_center_x=fixed[0], beam_center_y=fixed[1]).ravel()[self.chosen]
        spline, factor = self.spline(q), self._factor(fixed)
        normal = spline.gram(self.weight * factor**2) + self.stiffness
        return np.array([*fixed, *np.linalg.solve(normal, spline.project(self.weight * factor * self.data))])

    def linearised(self, parameters: np.ndarray) -> Linearised:
        """Return the model at some parameters, with its derivatives."""
        q, slopes = self.scene.q_and_slopes(CENTRE, parameters[:2])
        per_pixel = [slope.ravel()[self.chosen] for slope in slopes]
        spline, profile = self.spline(q.ravel()[self.chosen]), parameters[self.fixed :]
        factor, intensity = self._factor(parameters[: self.fixed]), spline.at(profile)
        steepness = factor * spline.slope_at(profile)
        return Linearised(
            spline,
            intensity,
            factor,
            self.data - factor * intensity,
            [steepness * slope for slope in per_pixel],
            [intensity * away for away in self._away()],
            per_pixel,
        )

    def equations(self, parameters: np.ndarray) -> Equations:
        """Return χ² and its derivatives by centre, slope and profile."""
        at, first, profile = self.linearised(parameters), self.fixed, parameters[self.fixed :]
        normal = np.zeros((len(parameters),) * 2)
        normal[first:, first:] = at.spline.gram(self.weight * at.factor**2) + self.stiffness
        bend = self.stiffness @ profile
        weighted = self.weight * at.residual
        gradient = np.r_[np.zeros(first), at.spline.project(at.factor * weighted) - bend]
        derivatives = (at.shifts + at.tilts)[:first]
        for k, each in enumerate(derivatives):
            heavy = self.weight * each
            normal[k, first:] = normal[first:, k] = at.spline.project(at.factor * heavy)
            normal[k, :first] = [heavy @ other for other in derivatives]
            gradient[k] = each @ weighted
        return Equations(float(at.residual @ weighted + profile @ bend), normal, gradient)

    def structure(self, minimum: Minimum) -> float:
        """Return χ² won by the profile over a constant, per parameter, in units of the noise."""
        mean = np.average(self.data, weights=self.weight)
        flat = float(self.weight @ (self.data - mean) ** 2)
        return (flat - minimum.chi_squared) / len(minimum.parameters) / (minimum.chi_squared / self.freedom)

    def _keep(self, q: np.ndarray, fitted: np.ndarray | float) -> None:
        """Leave out outliers, and weight the others by the scatter that pixels of equal q have."""
        scatter = annuli(q, self.data - fitted, 2 * self.step)
        self.chosen, self.data = self.chosen[scatter.used], self.data[scatter.used]
        self.weight = 1 / scatter.variance[scatter.index[scatter.used]]
        self.stiffness = self._stiffness(self.spline(q[scatter.used]))

    def _stiffness(self, spline: Spline) -> np.ndarray:
        """Return the penalty on bends of the profile: it only decides where no pixel does."""
        bends = np.diff(np.eye(self.size), n=2, axis=0)
        strength = float(np.median(np.diag(spline.gram(self.weight))))
        return STIFFNESS * strength * bends.T @ bends

    def _away(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each pixel is from where the search started, along column and row."""
        row, column = np.unravel_index(self.chosen, self.scene.image.shape)
        geometry = self.scene.geometry
        return (
            (column - geometry.beam_center_x) / SLOPE_LENGTH,
            (row - geometry.beam_center_y) / SLOPE_LENGTH,
        )

    def _factor(self, fixed: tuple[float, ...] | np.ndarray) -> np.ndarray:
        if not self.sloped:
            return np.ones(len(self.chosen))
        x, y = self._away()
        return 1 + fixed[2] * x + fixed[3] * y
