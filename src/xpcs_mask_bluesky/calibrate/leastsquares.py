"""Levenberg–Marquardt on normal equations, which fit in memory however many pixels there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MOST_STEPS = 60
CLOSE_ENOUGH = 1e-4
"""Expected fall of χ² below which the minimum is reached: a hundredth of a standard uncertainty."""


@dataclass(frozen=True)
class Equations:
    """The problem, linearised at some parameters."""

    chi_squared: float
    normal: np.ndarray
    """JᵀWJ, ``(parameters, parameters)``, J the derivative of the model."""
    gradient: np.ndarray
    """JᵀW(data - model)."""


@dataclass(frozen=True)
class Minimum:
    """Where the fit ended."""

    parameters: np.ndarray
    covariance: np.ndarray
    """Inverse of JᵀWJ."""
    chi_squared: float


class NoMinimumError(ValueError):
    """The fit did not come to an end, or what it ended at determines nothing."""


def minimise(equations_at: Callable[[np.ndarray], Equations], start: np.ndarray) -> Minimum:
    """Return the minimum of χ² near ``start``.

    Args:
        equations_at: Linearises the problem at given parameters.
        start: Where to begin.

    Raises:
        NoMinimumError: none was reached in ``MOST_STEPS`` steps, or the parameters are not independent.
    """
    parameters = np.array(start, dtype=float)
    here, damping = equations_at(parameters), 1e-3
    for _ in range(MOST_STEPS):
        step = _solve(here, damping)
        if float(step @ here.gradient) < CLOSE_ENOUGH:
            return Minimum(parameters, _inverse(here.normal), here.chi_squared)
        there = equations_at(parameters + step)
        if np.isfinite(there.chi_squared) and there.chi_squared <= here.chi_squared:
            parameters, here, damping = parameters + step, there, max(damping / 10, 1e-9)
        else:
            damping *= 10
            if damping > 1e12:
                raise NoMinimumError("no step makes the fit better")
    raise NoMinimumError(f"no minimum in {MOST_STEPS} steps")


def _solve(equations: Equations, damping: float) -> np.ndarray:
    scale = _scale(equations.normal)
    scaled = equations.normal / np.outer(scale, scale)
    damped = scaled + damping * np.eye(len(scale))
    return np.linalg.lstsq(damped, equations.gradient / scale)[0] / scale


def _inverse(normal: np.ndarray) -> np.ndarray:
    scale = _scale(normal)
    scaled = normal / np.outer(scale, scale)
    if np.linalg.cond(scaled) > 1e13:
        raise NoMinimumError("the parameters cannot be told apart")
    return np.linalg.inv(scaled) / np.outer(scale, scale)


def _scale(normal: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.diag(normal))
    return np.where(scale > 0, scale, 1.0)
