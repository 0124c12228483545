"""The simulated geometry, and the scattering vector by a formula of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.units import HC


@dataclass(frozen=True, kw_only=True)
class Optics:
    """Where the simulated detector stands and what shines on the sample."""

    energy: float
    """Photon energy, in keV."""
    distance: float
    """Sample to detector, in m."""
    center_x: float
    """Column of the direct beam without swing, in pixels; an integer is a pixel's centre."""
    center_y: float
    """Row of the direct beam without swing, in pixels."""
    shape: tuple[int, int]
    """Rows and columns of the detector."""
    pixel_size: float = 75e-6
    """Edge of the square pixels, in m."""
    swing_horizontal: float = 0.0
    """Rotation of the detector arm about the vertical axis, in degrees."""
    swing_vertical: float = 0.0
    """Rotation of the detector arm about the horizontal axis, in degrees."""


def scattering_vector(optics: Optics) -> np.ndarray:
    r"""Return :math:`q = 2k\sin(\alpha/2)` at each pixel, (rows, columns), in Å⁻¹.

    :math:`\alpha` is the angle between the pixel and the direct beam, seen from the sample. It is measured
    in the frame of the detector, where the beam has turned by the opposite of the swing:
    :math:`\tan\alpha = |\mathbf r\times\mathbf b| / \mathbf r\cdot\mathbf b`.
    """
    rows, columns = optics.shape
    y, x = np.mgrid[:rows, :columns].astype(float)
    pixel = np.stack(
        [
            (x - optics.center_x) * optics.pixel_size,
            (y - optics.center_y) * optics.pixel_size,
            np.full(optics.shape, optics.distance),
        ],
        axis=-1,
    )
    beam = _beam_seen_from_the_detector(optics)
    angle = np.arctan2(np.linalg.norm(np.cross(pixel, beam), axis=-1), pixel @ beam)
    return 4 * np.pi * optics.energy / HC * np.sin(angle / 2)


def _beam_seen_from_the_detector(optics: Optics) -> np.ndarray:
    """Return the unit vector of the direct beam in detector axes (column, row, normal)."""
    horizontal = np.deg2rad(optics.swing_horizontal)
    vertical = np.deg2rad(optics.swing_vertical)
    return np.array(
        [
            np.sin(horizontal),
            np.cos(horizontal) * np.sin(vertical),
            np.cos(horizontal) * np.cos(vertical),
        ]
    )
