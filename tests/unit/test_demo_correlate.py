"""The demo's correlator against sums written out, and its fit against a known decay."""

import numpy as np
import pytest

from xpcs_mask_bluesky.demo.correlate import Correlation, correlate
from xpcs_mask_bluesky.demo.fit import fit_diffusion

RNG = np.random.default_rng(1)
DYNAMIC = np.repeat([[0, 1, 1, 1, 2, 2]], 4, axis=0)
STATIC = np.repeat([[0, 1, 1, 2, 3, 3]], 4, axis=0)


def summed(frames: np.ndarray, lag: int, label: int) -> float:
    """Return g2 of a dynamic label at one lag, pixel by pixel, static bin by static bin."""
    values = []
    for static in np.unique(STATIC[label == DYNAMIC]):
        pixels = frames[:, static == STATIC].astype(float)
        early, late = pixels[: len(pixels) - lag], pixels[lag:]
        values.append((early * late).mean() / (early.mean() * late.mean()))
    return float(np.mean(values))


def test_the_first_level_is_the_sums_written_out():
    frames = RNG.poisson(5, (40, 4, 6))
    found = correlate(frames, DYNAMIC, STATIC, channels=8)
    for lag in range(1, 8):
        for label in (1, 2):
            assert found.g2[lag - 1, label - 1] == pytest.approx(summed(frames, lag, label), rel=1e-5)


def test_an_upper_level_correlates_the_means_of_pairs():
    frames = RNG.poisson(5, (64, 4, 6))
    found = correlate(frames, DYNAMIC, STATIC, channels=8)
    pairs = (frames[0::2] + frames[1::2]) / 2
    (at,) = np.flatnonzero(found.delays == 10)
    assert found.g2[at, 0] == pytest.approx(summed(pairs, 5, 1), rel=1e-5)


def test_a_partition_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="partition"):
        correlate(np.ones((10, 3, 3)), DYNAMIC, STATIC)


def test_the_fit_finds_the_coefficient_of_exact_curves():
    q, delays = np.array([0.004, 0.006, 0.009]), np.arange(1.0, 60)
    rates = 3e5 * q**2
    g2 = 1 + 0.4 * np.exp(-2 * rates * delays[:, None] * 1e-3)
    correlation = Correlation(delays=delays, g2=g2, error=np.full_like(g2, 1e-3))
    assert fit_diffusion(correlation, q, period=1e-3).coefficient == pytest.approx(3e5, rel=1e-6)
