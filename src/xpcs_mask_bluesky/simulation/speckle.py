"""A speckle field that fluctuates: what a coherent beam makes of diffusing particles."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter


def mode_weights(contrast: float) -> np.ndarray:
    r"""Return the weights of independent fields whose sum of intensities has ``contrast``.

    :math:`\sum w = 1` and :math:`\sum w^2 = \beta`: equal weights and a smaller last one, as few as do it.
    A partly coherent beam is such a sum of coherent modes.
    """
    if not 0 < contrast <= 1:
        raise ValueError(f"contrast is {contrast}; it lies above 0 and is at most 1")
    modes = int(np.ceil(1 / contrast - 1e-9))
    if modes == 1:
        return np.ones(1)
    last = (1 - np.sqrt((modes - 1) * (modes * contrast - 1))) / modes
    return np.append(np.full(modes - 1, (1 - last) / (modes - 1)), last)


class SpeckleField:
    """Complex Gaussian fields on the detector, whose amplitude at each pixel decays at its own rate.

    Each pixel carries an Ornstein–Uhlenbeck process at the rate of its q. A Gaussian kernel then joins
    neighbours to speckles. So the field evolves, and neither bins nor averages are put in by hand.

    Args:
        shape: Rows and columns.
        contrast: β, the variance of the intensity over its mean squared.
        speckle_size: Full width at half maximum of the intensity's correlation, in pixels.
        rng: Where all chance comes from.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        contrast: float,
        speckle_size: float,
        rng: np.random.Generator,
    ) -> None:
        self._weights = mode_weights(contrast)
        # The intensity correlates as the square of the field, whose kernel is convolved with itself:
        # exp(-d²/2σ²) has the width 2.355 σ.
        self._sigma = speckle_size / np.sqrt(8 * np.log(2))
        self._rng = rng
        self._modes = self._noise((len(self._weights), *shape))
        self._scale = 1 / self._norm_of_kernel()

    def advance(self, decay: np.ndarray) -> None:
        """Let time pass: ``decay`` is exp(-Γ·time) at each pixel, (rows, columns)."""
        retained = decay.astype(np.float32)
        renewed = np.sqrt(1 - retained**2)
        self._modes *= retained
        self._modes += renewed * self._noise(self._modes.shape)

    def intensity(self) -> np.ndarray:
        """Return the speckle pattern now, float32 (rows, columns), of mean 1 over time."""
        total = np.zeros(self._modes.shape[1:], np.float32)
        for weight, mode in zip(self._weights, self._modes, strict=True):
            for part in (mode.real, mode.imag):
                smooth = self._smooth(part)
                total += np.float32(weight * self._scale) * smooth**2
        return total

    def _smooth(self, field: np.ndarray) -> np.ndarray:
        return gaussian_filter(field, self._sigma, mode="wrap", truncate=3.0)

    def _norm_of_kernel(self) -> float:
        """Return the variance that smoothing leaves of white noise."""
        impulse = np.zeros(self._modes.shape[1:])
        impulse[0, 0] = 1
        return float((self._smooth(impulse) ** 2).sum())

    def _noise(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return circular complex Gaussian noise of unit mean square, complex64."""
        parts = self._rng.standard_normal((*shape, 2), dtype=np.float32)
        parts *= np.float32(np.sqrt(0.5))
        return parts.view(np.complex64)[..., 0]
