"""What is wrong with the simulated detector: gaps, dead and hot pixels, and the beamstop in front of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PixelFaults:
    """The pixels that do not count as they should, each array (rows, columns)."""

    gap: np.ndarray
    """True between the modules, where there is no sensor; reads 0."""
    dead: np.ndarray
    """True where a pixel reads 0."""
    hot: np.ndarray
    """Counts per frame that a pixel adds of itself, float; 0 for a good one."""

    @property
    def blind(self) -> np.ndarray:
        """True where nothing is ever counted."""
        return self.gap | self.dead


def pixel_faults(shape: tuple[int, int], *, seed: int) -> PixelFaults:
    """Return a detector's faults: a cross of gaps, one pixel of 600 dead, one of 900 hot."""
    rng = np.random.default_rng((seed, 1))
    rows, columns = shape
    gap = np.zeros(shape, bool)
    # Off the middle, so that the gaps alone do not look the same when they are transposed.
    gap[(rows * 3) // 5 : (rows * 3) // 5 + 5] = True
    gap[:, (columns * 2) // 5 : (columns * 2) // 5 + 3] = True
    dead = rng.random(shape) < 1 / 600
    hot = np.where(rng.random(shape) < 1 / 900, rng.uniform(2000, 8000, shape), 0.0)
    return PixelFaults(gap=gap, dead=dead, hot=hot)


def beamstop_transmission(shape: tuple[int, int], *, row: float, column: float, radius: float) -> np.ndarray:
    """Return what passes a round beamstop, 0 … 1, (rows, columns); its edge is half a pixel soft."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return 0.5 + 0.5 * np.tanh((np.hypot(y - row, x - column) - radius) / 0.5)
