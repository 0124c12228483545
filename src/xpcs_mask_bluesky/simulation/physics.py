"""Frames as a photon-counting detector takes them of a fluctuating sample."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from xpcs_mask_bluesky.simulation.optics import Optics, scattering_vector
from xpcs_mask_bluesky.simulation.pixels import PixelFaults, beamstop_transmission, pixel_faults
from xpcs_mask_bluesky.simulation.sample import Spheres
from xpcs_mask_bluesky.simulation.speckle import SpeckleField

FRAME_DTYPE = np.dtype("uint16")
READOUT = 1.0
"""Time between one series of frames and the next, in s."""


@dataclass(frozen=True, kw_only=True)
class Beam:
    """What the beam makes of the sample, apart from where the detector stands."""

    counts: float = 400.0
    """Mean counts of a pixel in a frame, extrapolated to q = 0."""
    background: float = 0.01
    """Counts of a pixel in a frame that do not come from the sample."""
    contrast: float = 0.5
    """β, the speckle contrast: the variance of the intensity over its mean squared."""
    speckle_size: float = 2.6
    """Full width at half maximum of a speckle, in pixels."""
    beamstop_radius: float = 9.0
    """In pixels."""


@dataclass
class Experiment:
    """The sample in the beam, seen by one detector. Each call of ``frames`` goes on where the last one ended.

    The frames are short against the fluctuations (no blur within one), and evenly spaced.
    """

    shape: tuple[int, int]
    seed: int = 0
    sample: Spheres = field(default_factory=Spheres)
    beam: Beam = field(default_factory=Beam)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng((self.seed, 0))
        self.faults: PixelFaults = pixel_faults(self.shape, seed=self.seed)
        self._field = SpeckleField(
            self.shape,
            contrast=self.beam.contrast,
            speckle_size=self.beam.speckle_size,
            rng=self._rng,
        )

    def mean_counts(self, optics: Optics) -> np.ndarray:
        """Return the counts of a frame without speckle, noise and faults, (rows, columns)."""
        scattered = self.beam.counts * self.sample.form_factor(scattering_vector(optics))
        stop = beamstop_transmission(
            self.shape,
            row=optics.center_y,
            column=optics.center_x,
            radius=self.beam.beamstop_radius,
        )
        return scattered * stop

    def frames(self, optics: Optics, *, number: int, period: float) -> np.ndarray:
        """Return ``number`` frames, one each ``period`` s, FRAME_DTYPE (frames, rows, columns)."""
        rate = self.sample.relaxation_rate(scattering_vector(optics))
        mean = self.mean_counts(optics).astype(np.float32)
        self._field.advance(np.exp(-rate * READOUT))
        decay = np.exp(-rate * period)
        taken = np.empty((number, *self.shape), FRAME_DTYPE)
        for index in range(number):
            taken[index] = self._counted(mean * self._field.intensity())
            self._field.advance(decay)
        return taken

    def _counted(self, expected: np.ndarray) -> np.ndarray:
        """Return what the detector counts of the ``expected`` photons."""
        lit = self._rng.poisson(expected + self.beam.background + self.faults.hot)
        lit[self.faults.blind] = 0
        return np.minimum(lit, np.iinfo(FRAME_DTYPE).max)
