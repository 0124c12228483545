"""Images of powder rings and of a small-angle pattern, made by formulas of this file alone.

Nothing of the package's mathematics is used: q is 4π/λ sin(θ) of the angle that a pixel's place makes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

HC = 12.398419843320026
"""keV Å (CODATA)."""
AGBH = 2 * np.pi / 58.380 * np.arange(1, 6)
LAB6 = 2 * np.pi / 4.156826 * np.sqrt([1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 16])


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A flat detector across the beam; pixels as (row, column), integers at centres."""

    energy: float = 10.0
    """keV."""
    distance: float = 0.9
    """m."""
    x: float = 203.37
    y: float = 188.61
    """Column and row of the beam."""
    pixel: tuple[float, float] = (172e-6, 172e-6)
    """Width and height, m."""
    shape: tuple[int, int] = (400, 420)

    def radius(self) -> np.ndarray:
        """Return each pixel's way from the beam, in m."""
        row, column = np.indices(self.shape)
        return np.hypot((column - self.x) * self.pixel[0], (row - self.y) * self.pixel[1])

    def q(self) -> np.ndarray:
        theta = np.arctan(self.radius() / self.distance) / 2
        return 4 * np.pi * self.energy / HC * np.sin(theta)

    def record(self, **off: float):
        """Return the geometry that a program knows, wrong by ``off``."""
        from xpcs_mask_bluesky import GeometryRecord

        truth = {"beam_center_x": self.x, "beam_center_y": self.y, "distance": self.distance}
        return GeometryRecord(
            incident_energy=self.energy,
            x_pixel_size=self.pixel[0],
            y_pixel_size=self.pixel[1],
            shape=self.shape,
            **{field: value + off.get(field, 0.0) for field, value in truth.items()},
        )

    def swapped(self, **changes) -> Camera:
        return replace(self, **changes)

    def mask(self) -> np.ndarray:
        """Return True = counted: a beamstop with its holder, gaps between modules, dead pixels."""
        rows, columns = np.indices(self.shape)
        good = np.hypot(columns - self.x - 3, rows - self.y + 2) > 30
        good &= ~((np.abs(columns - self.x - 3) < 5) & (rows > self.y))
        good[self.shape[0] // 3 : self.shape[0] // 3 + 17] = False
        good[:, self.shape[1] * 5 // 8 : self.shape[1] * 5 // 8 + 7] = False
        good[np.random.default_rng(5).random(self.shape) < 0.002] = False
        return good


def rings(camera: Camera, places: np.ndarray, *, seed: int, height: float = 60.0, width: float = 0.004):
    """Return Poisson counts of Gaussian rings of ``width`` (relative to q) on a falling background."""
    q = camera.q()
    expected = 20 + 400 * np.exp(-q / q.max() * 6)
    for number, place in enumerate(places):
        sigma = width * places[0]
        expected += height / (1 + 0.4 * number) * np.exp(-((q - place) ** 2) / (2 * sigma**2))
    return np.random.default_rng(seed).poisson(expected).astype(float)


def spheres(camera: Camera, *, seed: int, radius: float = 300.0, photons: float = 400.0):
    """Return Poisson counts of the form factor of spheres of ``radius`` Å, not quite of one size."""
    q = camera.q()
    expected = np.zeros(camera.shape)
    for size in np.linspace(0.94, 1.06, 9) * radius:
        x = q * size + 1e-9
        expected += (3 * (np.sin(x) - x * np.cos(x)) / x**3) ** 2
    return np.random.default_rng(seed).poisson(photons * expected + 0.5).astype(float)
