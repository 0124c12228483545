"""Centre and distance from the rings of a calibrant, all pixels near a ring fitted together.

Each ring is a Gaussian in q about its known place, on a quadratic background of its own. What varies
along a ring (texture, polarisation, shadows) is even about it, and so moves neither centre nor distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xpcs_mask_bluesky.calibrate.annuli import annuli
from xpcs_mask_bluesky.calibrate.leastsquares import Equations, Minimum, NoMinimumError, minimise
from xpcs_mask_bluesky.calibrate.scene import CENTRE, CalibrationError, Scene

FIELDS = (*CENTRE, "distance")
LOCAL = 5
"""Parameters of each ring: height, width, and the three of its background."""
NARROWEST, WIDEST = 4.0, 40.0
"""Half widths, in px, of the window about a ring."""
OF_A_GAP = 0.45
"""Most of the way to the next ring that a window takes."""
FEWEST_IN_RING = 60
SIGNIFICANT = 5.0
"""Standard deviations that a ring's height must have."""
ROUNDS = 3


@dataclass(frozen=True)
class Ring:
    """One ring of a calibrant in the fit."""

    d_spacing: float
    """In Å."""
    q: float
    """In Å⁻¹."""
    pixels: int
    significance: float
    """Height over its uncertainty."""
    residual: float
    """How far outside its place in the fitted geometry the ring lies, in px."""
    residual_uncertainty: float


@dataclass(frozen=True)
class FittedRings:
    """What the fit of rings found: ``values`` and ``covariance`` in the order of ``FIELDS``."""

    values: tuple[float, ...]
    covariance: np.ndarray
    chi_squared: float
    """Per degree of freedom."""
    pixels: int
    rings: tuple[Ring, ...]


class _Windows:
    """The pixels near rings, and their equations at fixed weights."""

    def __init__(self, scene: Scene, step: float, values: Sequence[float], rings: np.ndarray) -> None:
        self.scene, self.step = scene, step
        q = scene.q(**dict(zip(FIELDS, values, strict=True))).ravel()
        candidates = np.flatnonzero(scene.counted.ravel())
        # hot pixels must not hide a ring
        candidates = candidates[annuli(q[candidates], scene.image.ravel()[candidates], step).used]
        gaps = np.diff(rings, prepend=0.0, append=2 * rings[-1] - rings[-2] if len(rings) > 1 else np.inf)
        nearest = np.minimum(gaps[:-1], gaps[1:]) / self.step
        chosen, numbers, self.rings, self.start = [], [], [], []
        for ring, gap in zip(rings, nearest, strict=True):
            found = self._window(q, candidates, ring, gap)
            if found is not None:
                numbers.append(np.full(len(found[0]), len(self.rings)))
                chosen.append(found[0])
                self.start.append(found[1])
                self.rings.append(ring)
        if not chosen:
            raise CalibrationError(
                "no ring stands out of the noise where this calibrant has one; is the calibrant in the beam, "
                "and are mask, energy and distance right?"
            )
        self.number, self.chosen = np.concatenate(numbers), np.concatenate(chosen)
        self.data = self.scene.image.ravel()[self.chosen]
        self.place = np.asarray(self.rings)[self.number]
        self.parameters = np.array([*values, *np.ravel(self.start)])
        self.reweigh(self.parameters)

    def _window(
        self, q: np.ndarray, candidates: np.ndarray, ring: float, gap: float
    ) -> tuple[np.ndarray, list[float]] | None:
        """Return the pixels near a ring and a guess of its shape; None if too few, or no ring, is there."""
        wide = min(OF_A_GAP * gap, WIDEST)
        first = self._shape_within(q, candidates, ring, wide)
        if first is None:
            return None
        narrow = min(wide, max(NARROWEST, 5 * first[1][1]))
        return self._shape_within(q, candidates, ring, narrow)

    def _shape_within(
        self, q: np.ndarray, candidates: np.ndarray, ring: float, half: float
    ) -> tuple[np.ndarray, list[float]] | None:
        off = (q[candidates] - ring) / self.step
        inside = np.abs(off) < half
        off = off[inside]
        if len(off) < FEWEST_IN_RING or not (off.min() < -half / 2 and off.max() > half / 2):
            return None
        guess = _shape(off, self.scene.image.ravel()[candidates[inside]], half)
        return None if guess is None else (candidates[inside], guess)

    def reweigh(self, parameters: np.ndarray) -> None:
        """Take the weights from the scatter about the model, and leave out what lies far off it."""
        q = self.scene.q(**dict(zip(FIELDS, parameters[: len(FIELDS)], strict=True))).ravel()[self.chosen]
        scatter = annuli(q, self._linearised(parameters)[0], self.step)
        self.weight = 1 / scatter.variance[scatter.index[scatter.used]]
        used = scatter.used
        self.number, self.chosen, self.data = self.number[used], self.chosen[used], self.data[used]
        self.place = self.place[used]

    def equations(self, parameters: np.ndarray) -> Equations:
        """Return χ² and its derivatives; the rings share only the geometry."""
        residual, steepness, slopes, local = self._linearised(parameters)
        size = len(FIELDS)
        normal = np.zeros((len(parameters), len(parameters)))
        gradient = np.zeros(len(parameters))
        for number in range(len(self.rings)):
            here = self.number == number
            jacobian = np.column_stack([steepness[here, None] * slopes[here], local[here]])
            weighted = jacobian * self.weight[here, None]
            at = np.r_[0:size, size + LOCAL * number : size + LOCAL * (number + 1)]
            normal[np.ix_(at, at)] += weighted.T @ jacobian
            gradient[at] += weighted.T @ residual[here]
        return Equations(float(residual @ (self.weight * residual)), normal, gradient)

    def _linearised(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        q, by_field = self.scene.q_and_slopes(FIELDS, parameters[: len(FIELDS)])
        slopes = np.column_stack([each.ravel()[self.chosen] for each in by_field]) / self.step
        x = (q.ravel()[self.chosen] - self.place) / self.step
        height, width, level, slant, bend = parameters[len(FIELDS) :].reshape(-1, LOCAL)[self.number].T
        with np.errstate(all="ignore"):  # a step that goes too far: its χ² is not finite, and it is not taken
            peak = np.exp(-(x**2) / (2 * width**2))
            residual = self.data - (height * peak + level + slant * x + bend * x**2)
            steepness = -height * peak * x / width**2 + slant + 2 * bend * x
            local = np.column_stack([peak, height * peak * x**2 / width**3, np.ones_like(x), x, x**2])
        return residual, steepness, slopes, local

    def described(self, minimum: Minimum) -> list[Ring]:
        """Return each ring's own deviation from the common geometry."""
        residual, steepness, _, _ = self._linearised(minimum.parameters)
        found = []
        for number, q in enumerate(self.rings):
            here = self.number == number
            at = len(FIELDS) + LOCAL * number
            information = float(self.weight[here] @ steepness[here] ** 2)
            inward = float((self.weight * steepness)[here] @ residual[here]) / information
            height = minimum.parameters[at] / np.sqrt(minimum.covariance[at, at])
            found.append(Ring(2 * np.pi / q, q, int(here.sum()), height, -inward, information**-0.5))
        return found


def fit_rings(scene: Scene, start: Sequence[float], rings: Sequence[float]) -> FittedRings:
    """Return centre and distance that put ``rings`` (q in Å⁻¹) where the image has them.

    Raises:
        CalibrationError: no ring is there, or the fit came to no end.
    """
    step = scene.q_per_pixel
    problem, minimum, seen = _round(scene, step, start, np.asarray(rings))
    for _ in range(ROUNDS - 1):  # windows and weights depend on the geometry
        problem, minimum, seen = _round(scene, step, _geometry(minimum), np.array([each.q for each in seen]))
    reduced = minimum.chi_squared / (len(problem.data) - len(minimum.parameters))
    size = len(FIELDS)
    covariance = reduced * _disagreement(seen) * minimum.covariance[:size, :size]
    return FittedRings(_geometry(minimum), covariance, reduced, len(problem.data), tuple(seen))


def _disagreement(rings: Sequence[Ring]) -> float:
    """Return by what the variance grows because rings contradict each other (Birge's ratio), at least 1.

    A wrong energy or pixel size moves each ring otherwise than distance and centre can.
    """
    off = sum((ring.residual / ring.residual_uncertainty) ** 2 for ring in rings)
    return max(1.0, off / max(len(rings) - 1, 1))


def _round(
    scene: Scene, step: float, start: Sequence[float], rings: np.ndarray
) -> tuple[_Windows, Minimum, list[Ring]]:
    """Return the fit that begins at a geometry, and the rings that stand out in it."""
    problem = _Windows(scene, step, start, rings)
    minimum = _minimum(problem)
    seen = [ring for ring in problem.described(minimum) if ring.significance > SIGNIFICANT]
    if not seen:
        raise CalibrationError(
            "no ring stands out of the noise where this calibrant has them; is the calibrant in the beam?"
        )
    return problem, minimum, seen


def _geometry(minimum: Minimum) -> tuple[float, ...]:
    return tuple(float(each) for each in minimum.parameters[: len(FIELDS)])


def _minimum(problem: _Windows) -> Minimum:
    try:
        minimum = minimise(problem.equations, problem.parameters)
        problem.reweigh(minimum.parameters)
        return minimise(problem.equations, minimum.parameters)
    except NoMinimumError as error:
        raise CalibrationError(
            f"the rings cannot be fitted: {error}; is it this calibrant, and does the mask leave enough of "
            "each ring?"
        ) from error


def _shape(off: np.ndarray, values: np.ndarray, half: float) -> list[float] | None:
    """Return height, width in px, and background of a ring from its radial profile; None if it has none."""
    index = np.floor(off + half).astype(np.intp)
    number = np.bincount(index)
    profile = np.bincount(index, values)[number > 0] / number[number > 0]
    places = (np.flatnonzero(number) + 0.5) - half
    outer = np.abs(places) > 0.6 * half
    if outer.sum() < 2 or len(profile) < LOCAL:
        return None
    slant, level = np.polyfit(places[outer], profile[outer], 1)
    above = profile - level - slant * places
    top = int(np.argmax(np.where(np.abs(places) <= max(0.5 * half, 1.0), above, -np.inf)))
    noise = float(np.std(values - (level + slant * off))) / np.sqrt(number[number > 0][top])
    if above[top] <= SIGNIFICANT * noise:  # a width fitted to noise runs away
        return None
    height = float(above[top])
    width = float(np.clip(above[above > height / 2].size / 2.355, 0.8, half / 2))
    return [height, width, float(level), float(slant), 0.0]
