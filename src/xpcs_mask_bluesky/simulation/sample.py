"""The simulated sample: dilute spheres that diffuse in a liquid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BOLTZMANN = 1.380649e-23
"""J/K (exact since the SI of 2019)."""


@dataclass(frozen=True, kw_only=True)
class Spheres:
    """Dilute spheres of nearly one size, known well enough to say how fast they diffuse."""

    radius: float = 600.0
    """Mean radius, in Å."""
    polydispersity: float = 0.08
    """Standard deviation of the radius over its mean."""
    temperature: float = 298.15
    """In K."""
    viscosity: float = 1.2
    """Of the liquid, in Pa s (glycerol with a little water)."""

    @property
    def diffusion_coefficient(self) -> float:
        r"""The Stokes–Einstein :math:`D = k_B T / 6\pi\eta R`, in Å²/s."""
        metres = self.radius * 1e-10
        return BOLTZMANN * self.temperature / (6 * np.pi * self.viscosity * metres) * 1e20

    def relaxation_rate(self, q: np.ndarray) -> np.ndarray:
        r"""Return :math:`\Gamma = D q^2` in 1/s, the decay of the field, for ``q`` in Å⁻¹."""
        return self.diffusion_coefficient * q**2

    def form_factor(self, q: np.ndarray) -> np.ndarray:
        """Return the scattered intensity at ``q`` in Å⁻¹ over that at zero, without a unit.

        An average over the sizes, each sphere weighted by its volume squared: the minima are filled in.
        """
        radii = self.radius * (1 + self.polydispersity * np.linspace(-3, 3, 25))
        weights = np.exp(-0.5 * np.linspace(-3, 3, 25) ** 2) * radii**6
        grid = np.linspace(0, q.max(), 4096)
        amplitude = _sphere_amplitude(grid[:, None] * radii)
        return np.interp(q, grid, amplitude**2 @ weights / weights.sum())


def _sphere_amplitude(u: np.ndarray) -> np.ndarray:
    r"""Return :math:`3(\sin u - u\cos u)/u^3`, which is 1 at zero."""
    safe = np.where(u > 1e-2, u, 1.0)
    exact = 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3
    return np.where(u > 1e-2, exact, 1 - u**2 / 10)
