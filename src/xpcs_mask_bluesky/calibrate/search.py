"""Where a fit should start: the centre, then the distance, found by trying."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xpcs_mask_bluesky.calibrate.annuli import annuli, explained
from xpcs_mask_bluesky.calibrate.scene import CalibrationError, Scene

MOST_TRIED = 120_000
"""Pixels that a trial looks at; of larger detectors every n-th."""
CENTRE_STEPS = (2.0, 1.0, 0.5)
"""Grids of trial centres, each about the best of the one before, in px."""
BRIGHTEST = 99.0
"""Percentile at which values are cut, so that hot pixels do not decide."""
RING_CORE, RING_FLANK = 2.0, 8.0
"""Pixels from a ring that count as the ring, and as its surroundings."""
RIVAL = 0.8
"""Another distance with this part of the best one's score makes the answer ambiguous."""


def search_centre(scene: Scene, reach: float) -> tuple[float, float]:
    """Return the centre, within ``reach`` px of the present one, about which the image is most circular.

    Raises:
        CalibrationError: the best centre lies at the border of what was tried.
    """
    coarse, stride, values = _trial(scene)
    width = coarse.q_per_pixel / stride
    first = (scene.geometry.beam_center_x, scene.geometry.beam_center_y)

    def score(centre: tuple[float, float]) -> float:
        x, y = centre[0] / stride, centre[1] / stride
        q = coarse.q(beam_center_x=x, beam_center_y=y)[coarse.counted]
        return explained(q, values, 2 * width)

    best = first
    for step in CENTRE_STEPS:
        span = reach if step == CENTRE_STEPS[0] else 2 * step
        offsets = step * np.arange(-np.ceil(span / step), np.ceil(span / step) + 1)
        tried = [(best[0] + dx, best[1] + dy) for dx in offsets for dy in offsets]
        best = max(tried, key=score)
    if max(abs(best[0] - first[0]), abs(best[1] - first[1])) >= reach:
        raise CalibrationError(
            f"the image is most circular about column {best[0]:.1f}, row {best[1]:.1f}, at the border of the "
            f"{reach:g} px searched about column {first[0]:.1f}, row {first[1]:.1f}: give a better guess, "
            "a larger search=, or mask what is not circular. (An image without structure looks so too.)"
        )
    return best


def search_distance(scene: Scene, rings: Sequence[float], reach: float) -> float:
    """Return the distance, within the part ``reach`` of the present one, that puts rings on ``rings``.

    The pixel of the direct beam, which the image's symmetry has told, stays where it is.

    Raises:
        CalibrationError: no distance does, several do, or the best is at the border of what was tried.
    """
    scaled = np.exp(np.arange(-np.log1p(reach), np.log1p(reach), _relative_step(scene)))
    distances = scene.geometry.distance * scaled
    scores = _ring_scores(scene, np.asarray(rings), distances)
    best = int(np.argmax(scores))
    if scores[best] < 5.0:
        raise CalibrationError(
            f"no ring of this calibrant within {reach:.0%} of {scene.geometry.distance:g} m: is the "
            "calibrant in the beam, and are energy, pixel size and distance right?"
        )
    if best in {0, len(scores) - 1}:
        raise CalibrationError(
            f"the rings fit best at the border of the {reach:.0%} searched; give a better distance"
        )
    _refuse_rivals(scores, distances, best)
    return float(distances[best])


def _refuse_rivals(scores: np.ndarray, distances: np.ndarray, best: int) -> None:
    near = 10  # steps of a pixel: the flanks of the best one's own peak
    rivals = [
        k
        for k in range(1, len(scores) - 1)
        if abs(k - best) > near
        and scores[k - 1] <= scores[k] >= scores[k + 1]
        and scores[k] > RIVAL * scores[best]
    ]
    if rivals:
        also = max(rivals, key=lambda k: scores[k])
        raise CalibrationError(
            f"the rings fit {distances[best]:.4g} m and {distances[also]:.4g} m about equally well; give a "
            "better distance and a smaller distance_within="
        )


def _ring_scores(scene: Scene, rings: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return, for each distance, how far rings stand out where they should be, in standard deviations."""
    coarse, stride, values = _trial(scene)
    per_pixel = coarse.q_per_pixel / stride
    flat = annuli(coarse.q()[coarse.counted], values, per_pixel)
    spread = np.sqrt(np.maximum(flat.variance[flat.index], np.median(flat.variance)))
    return np.array(
        [
            _contrast(coarse.q(**coarse.at_distance(each))[coarse.counted], values, spread, rings, per_pixel)
            for each in distances
        ]
    )


def _contrast(
    q: np.ndarray, values: np.ndarray, spread: np.ndarray, rings: np.ndarray, per_pixel: float
) -> float:
    nearest = _nearest(q, rings)
    off = np.abs(q - rings[nearest]) / per_pixel
    total = deviation = 0.0
    for ring in np.unique(nearest):
        core = (nearest == ring) & (off < RING_CORE)
        flank = (nearest == ring) & (off >= RING_CORE) & (off < RING_FLANK)
        if core.sum() > 20 and flank.sum() > 20:
            total += values[core].mean() - values[flank].mean()
            deviation += (spread[core] ** 2).mean() / core.sum() + (spread[flank] ** 2).mean() / flank.sum()
    return total / np.sqrt(deviation) if deviation > 0 else 0.0


def _nearest(q: np.ndarray, rings: np.ndarray) -> np.ndarray:
    between = (rings[1:] + rings[:-1]) / 2
    return np.searchsorted(between, q)


def _relative_step(scene: Scene) -> float:
    """Return the relative change of distance that moves the outermost ring by one pixel."""
    return scene.q_per_pixel / float(scene.q()[scene.counted].max())


def _trial(scene: Scene) -> tuple[Scene, int, np.ndarray]:
    """Return every n-th pixel, n, and the square roots of their values: they scatter alike."""
    stride = max(1, int(np.ceil(np.sqrt(scene.counted.sum() / MOST_TRIED))))
    coarse = scene.coarse(stride)
    values = coarse.image[coarse.counted]
    return coarse, stride, np.sqrt(np.clip(values, 0, np.percentile(values, BRIGHTEST)))
