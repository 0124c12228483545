"""From g2 to a diffusion coefficient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit

from xpcs_mask_bluesky.demo.correlate import Correlation


@dataclass(frozen=True)
class Relaxation:
    """The decay of one dynamic bin's g2."""

    label: int
    q: float
    """In Å⁻¹."""
    rate: float
    """Γ, in 1/s; NaN when there is nothing to fit."""
    rate_error: float
    """One standard deviation, in 1/s."""
    contrast: float
    """β, without a unit."""


@dataclass(frozen=True)
class Diffusion:
    """D with its uncertainty, and the decays that it was taken from."""

    coefficient: float
    """D, in Å²/s."""
    error: float
    """One standard deviation, in Å²/s."""
    relaxations: tuple[Relaxation, ...]


def decay(delay: np.ndarray, contrast: float, rate: float) -> np.ndarray:
    r"""Return :math:`g_2 = 1 + \beta e^{-2\Gamma\tau}` (Siegert, one relaxation)."""
    return 1 + contrast * np.exp(-2 * rate * delay)


def fit_relaxation(
    delay: np.ndarray, g2: np.ndarray, error: np.ndarray, *, label: int, q: float
) -> Relaxation:
    """Fit one decay.

    Args:
        delay: In s, (delays,).
        g2: Without a unit, (delays,).
        error: One standard deviation of ``g2``, (delays,).
        label: The dynamic label, kept in the result.
        q: Of the bin, in Å⁻¹, kept in the result.
    """
    usable = np.isfinite(g2) & np.isfinite(error) & (error > 0)
    if usable.sum() < 4:
        return Relaxation(label, q, np.nan, np.nan, np.nan)
    delay, g2, error = delay[usable], g2[usable], error[usable]
    contrast = float(np.clip(g2[0] - 1, 0.01, 1))
    crossing = delay[np.argmin(np.abs(g2 - 1 - contrast / np.e))]
    try:
        best, covariance = curve_fit(decay, delay, g2, (contrast, 0.5 / crossing), error, bounds=(0, np.inf))
    except RuntimeError:  # scipy's word for no convergence
        return Relaxation(label, q, np.nan, np.nan, np.nan)
    return Relaxation(label, q, best[1], float(np.sqrt(covariance[1, 1])), best[0])


def fit_diffusion(correlation: Correlation, q: np.ndarray, *, period: float) -> Diffusion:
    r"""Fit :math:`\Gamma = D q^2` through the decays of all bins, weighted by their errors.

    Args:
        correlation: g2 of each dynamic bin.
        q: Of each dynamic label, in Å⁻¹, (labels,).
        period: Time between frames, in s.
    """
    delay = correlation.delays * period
    relaxations = tuple(
        fit_relaxation(delay, correlation.g2[:, k], correlation.error[:, k], label=k + 1, q=q[k])
        for k in range(len(q))
    )
    used = [r for r in relaxations if np.isfinite(r.rate_error) and r.rate_error > 0]
    if not used:
        return Diffusion(np.nan, np.nan, relaxations)
    square = np.array([r.q for r in used]) ** 2
    rate = np.array([r.rate for r in used])
    weight = np.array([r.rate_error for r in used]) ** -2.0
    precision = (weight * square**2).sum()
    coefficient = (weight * square * rate).sum() / precision
    residual = (weight * (rate - coefficient * square) ** 2).sum() / max(len(used) - 1, 1)
    # Scatter beyond the bins' own errors widens the uncertainty; less than expected does not narrow it.
    error = np.sqrt(max(residual, 1.0) / precision)
    return Diffusion(float(coefficient), float(error), relaxations)
