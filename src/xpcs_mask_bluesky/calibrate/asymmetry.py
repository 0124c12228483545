"""What a fitted image shows of not being circular, and what that does to the centre.

An intensity that slopes to one side looks much like a shifted centre: for a Gaussian exactly so, for
others the more, the smoother they are. Therefore a fit tells three things beside its centre: the slope
that its residuals show, how far an unseen slope would move the centre, and whether parts of the image
at different q agree on the centre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.calibrate.radial import Linearised, RadialFit

BANDS = 8
"""Parts of the image by q, each with as much to tell of the centre as the others."""
SEEN = 5.0
"""Standard deviations from which on a slope is one."""


@dataclass(frozen=True)
class Asymmetry:
    """Of an image about its fitted centre."""

    slope: np.ndarray
    """Of the intensity along column and row, per ``SLOPE_LENGTH``, to first order."""
    significance: float
    """Of the larger one, in standard deviations."""
    sensitivity: np.ndarray
    """Pixels by which a slope of 1 along column and row would move the centre along it."""
    contradiction: float
    """χ² per degree of freedom of the centres that the bands of q tell; 1 when only noise parts them."""

    @property
    def seen(self) -> bool:
        """Whether the intensity slopes."""
        return self.significance > SEEN


def asymmetry(problem: RadialFit, parameters: np.ndarray, reduced: float) -> Asymmetry:
    """Return what the residuals of a fit without slope show.

    Args:
        problem: At its minimum.
        parameters: Of the minimum.
        reduced: χ² per degree of freedom there.
    """
    at = problem.linearised(parameters)
    free = at.apart_from_profile(problem.weight, problem.stiffness, at.shifts + at.tilts)
    heavy = [problem.weight * each / reduced for each in free]
    normal = np.array([[left @ right for right in free] for left in heavy])
    step = np.linalg.lstsq(normal, [each @ at.residual for each in heavy])[0]
    deviations = np.sqrt(np.abs(np.diag(np.linalg.pinv(normal))))
    moved = np.linalg.lstsq(normal[:2, :2], normal[:2, 2:])[0]
    return Asymmetry(
        step[2:],
        float(np.max(np.abs(step[2:]) / deviations[2:])),
        np.diag(moved),
        contradiction(problem, at, free[:2], reduced),
    )


def contradiction(problem: RadialFit, at: Linearised, shifts: list[np.ndarray], reduced: float) -> float:
    """Return χ² per degree of freedom of the centres told by bands of q, about the one of all."""
    q, weight = at.spline.q, problem.weight / reduced
    told = weight * (shifts[0] ** 2 + shifts[1] ** 2)
    order = np.argsort(q)
    part = np.cumsum(told[order]) / told.sum()
    band = np.empty(len(q), dtype=np.intp)
    band[order] = np.minimum((part * BANDS).astype(np.intp), BANDS - 1)
    off = np.array([np.bincount(band, weight * each * at.residual, BANDS) for each in shifts])
    normal = np.array(
        [[np.bincount(band, weight * left * right, BANDS) for right in shifts] for left in shifts]
    )
    total = sum(off[:, k] @ np.linalg.lstsq(normal[:, :, k], off[:, k])[0] for k in range(BANDS))
    return float(total) / (2 * (BANDS - 1))


def imitated(problem: RadialFit, parameters: np.ndarray) -> np.ndarray:
    """Return the part of JᵀWJ by the centre, ``(2,)``, that the noise of the profile only imitates.

    The derivative by the centre holds the profile's derivative, and with it noise, which would make a
    shift look different from a slope even where the profile itself makes them equal.
    """
    at = problem.linearised(parameters)
    weight = problem.weight * at.factor**2
    noise = np.linalg.inv(at.spline.gram(weight) + problem.stiffness)
    return np.array([np.sum(at.spline.slope_gram(weight * each**2) * noise) for each in at.per_pixel])
