"""Cubic B-splines on even knots, whose least squares need no matrix as long as the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Spline:
    """Where values ``q`` lie among ``size`` cubic B-splines that begin at ``low``, ``step`` apart."""

    q: np.ndarray
    low: float
    step: float
    size: int

    @cached_property
    def _place(self) -> tuple[np.ndarray, np.ndarray]:
        place = np.clip((self.q - self.low) / self.step, 0.0, self.size - 3 - 1e-9)
        first = place.astype(np.intp)
        return first, place - first

    @cached_property
    def values(self) -> tuple[np.ndarray, ...]:
        """The four splines that are not zero at each ``q``, from the first."""
        _, u = self._place
        v = 1 - u
        middle, other = (4 - 6 * u**2 + 3 * u**3) / 6, (4 - 6 * v**2 + 3 * v**3) / 6
        return v**3 / 6, middle, other, u**3 / 6

    @cached_property
    def slopes(self) -> tuple[np.ndarray, ...]:
        """Derivatives of ``values`` by q."""
        _, u = self._place
        v = 1 - u
        middle, other = (3 * u**2 - 4 * u) / 2, -(3 * v**2 - 4 * v) / 2
        return tuple(each / self.step for each in (-(v**2) / 2, middle, other, u**2 / 2))

    def at(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the curve's value at each ``q``."""
        return self._sum(self.values, coefficients)

    def slope_at(self, coefficients: np.ndarray) -> np.ndarray:
        """Return the curve's derivative at each ``q``."""
        return self._sum(self.slopes, coefficients)

    def project(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over pixels of ``values`` times each spline, ``(size,)``."""
        first, _ = self._place
        parts = [np.bincount(first + k, each * values, self.size) for k, each in enumerate(self.values)]
        return np.sum(parts, axis=0)

    def gram(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted sums of products of two splines, ``(size, size)``."""
        return self._products(self.values, weight)

    def slope_gram(self, weight: np.ndarray) -> np.ndarray:
        """Return the weighted sums of products of two splines' derivatives, ``(size, size)``."""
        return self._products(self.slopes, weight)

    def _products(self, parts: tuple[np.ndarray, ...], weight: np.ndarray) -> np.ndarray:
        first, _ = self._place
        result = np.zeros((self.size, self.size))
        for j, left in enumerate(parts):
            weighted = left * weight
            for k in range(j, 4):
                band = np.bincount(first + j, weighted * parts[k], minlength=self.size)
                row = np.arange(self.size - (k - j))
                result[row, row + k - j] += band[: len(row)]
        return result + np.triu(result, 1).T

    def _sum(self, parts: tuple[np.ndarray, ...], coefficients: np.ndarray) -> np.ndarray:
        first, _ = self._place
        return sum((coefficients[first + k] * part for k, part in enumerate(parts)), np.zeros(self.q.shape))
