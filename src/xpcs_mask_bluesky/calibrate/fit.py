"""The two calibrations: the beam centre alone, and centre and distance from a calibrant's rings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.calibrate.calibrants import Calibrant
from xpcs_mask_bluesky.calibrate.center import fit_centre
from xpcs_mask_bluesky.calibrate.proposal import CalibrationProposal, RingResidual
from xpcs_mask_bluesky.calibrate.rings import FIELDS, FittedRings, fit_rings
from xpcs_mask_bluesky.calibrate.scene import CENTRE, CalibrationError, Scene
from xpcs_mask_bluesky.calibrate.search import search_centre, search_distance
from xpcs_mask_bluesky.digests import array_digest, mask_digest
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.masks import ImageReference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from xpcs_mask_bluesky.calibrate.center import Fitted

WORST_CENTRE = 1.0
"""Standard uncertainty, in px, above which a centre is not proposed."""
WORST_DISTANCE = 0.01
"""Relative standard uncertainty above which a distance is not proposed."""
WORST_RING = 1.0
"""Pixels that a ring may lie off its place."""


def find_beam_center(
    image: ArrayLike,
    record: GeometryRecord,
    *,
    mask: ArrayLike,
    search: float = 15.0,
    run: str = "",
    stream: str = "",
    frames: str = "",
) -> CalibrationProposal:
    """Return the centre about which a scattering image is circular: q alone decides its intensity.

    Centre and radial profile (a cubic spline) are fitted together, each pixel weighted by the scatter
    that pixels of equal q have. Uncertainties grow where parts of the image at different q contradict
    each other. Where the intensity is seen to slope to one side, the slope is fitted too; what a slope
    too small to be seen would do, ``slope_sensitivity`` tells.

    Args:
        image: ``(rows, columns)``, in any unit that is linear in photons.
        record: The present geometry, from which the search starts.
        mask: ``(rows, columns)``, True = counted; beamstop, gaps and bad pixels False.
        search: How far the centre may be from the present one, in px, along each axis.
        run: Uid of the image's run, for the log.
        stream: Of the run.
        frames: Which frames, and how they were made one.

    Raises:
        CalibrationError: too few pixels, no radial structure, a centre outside the search, or an
            intensity that slopes to one side in a way that cannot be told from a shifted centre.
        ValueError: image or mask have another shape than the geometry.
    """
    scene = Scene.of(image, mask, record)
    found = fit_centre(scene, search_centre(scene, search))
    _refuse_runaway(record, CENTRE, found, search, 0.0)
    reference = ImageReference(digest=_digest(image), run=run, stream=stream, frames=frames)
    proposal = _proposal(record, CENTRE, found, scene, reference)
    return proposal.model_copy(
        update={"intensity_slope": found.slope, "slope_sensitivity": found.sensitivity}
    )


def fit_calibrant(
    image: ArrayLike,
    record: GeometryRecord,
    *,
    mask: ArrayLike,
    calibrant: str | Calibrant = "AgBh",
    search: float = 15.0,
    distance_within: float = 0.05,
    run: str = "",
    stream: str = "",
    frames: str = "",
) -> CalibrationProposal:
    """Return the centre and distance that put a calibrant's rings where an image has them.

    The photon energy is taken as known: an error of it is an equal relative error of the distance.

    Args:
        image: ``(rows, columns)``, in any unit that is linear in photons.
        record: The present geometry, from which the search starts.
        mask: ``(rows, columns)``, True = counted.
        calibrant: ``"AgBh"``, ``"LaB6"``, or a :class:`Calibrant` of your own.
        search: How far the centre may be from the present one, in px, along each axis.
        distance_within: How far the distance may be, as a part of it.
        run: Uid of the image's run, for the log.
        stream: Of the run.
        frames: Which frames, and how they were made one.

    Raises:
        CalibrationError: no ring, several answers, an answer outside the search, or rings that do
            not fit this calibrant.
        ValueError: an unknown calibrant, or another shape than the geometry's.
    """
    powder = Calibrant.named(calibrant) if isinstance(calibrant, str) else calibrant
    scene = Scene.of(image, mask, record)
    found = _fitted_rings(scene, powder, search, distance_within)
    _refuse_runaway(record, FIELDS, found, search, distance_within)
    _refuse_other_rings(found, powder)
    reference = ImageReference(digest=_digest(image), run=run, stream=stream, frames=frames)
    proposal = _proposal(record, FIELDS, found, scene, reference)
    described = {"calibrant": f"{powder.name} ({powder.source})", "rings": _residuals(found)}
    return proposal.model_copy(update=described)


def _fitted_rings(scene: Scene, powder: Calibrant, search: float, distance_within: float) -> FittedRings:
    column, row = search_centre(scene, search)
    scene = scene.moved(beam_center_x=column, beam_center_y=row)
    rings = _rings_in(scene, powder, distance_within)
    start = scene.at_distance(search_distance(scene, rings, distance_within))
    return fit_rings(scene, [start[field] for field in FIELDS], rings)


def _residuals(found: FittedRings) -> tuple[RingResidual, ...]:
    return tuple(
        RingResidual(
            d_spacing=ring.d_spacing,
            pixels=ring.pixels,
            significance=ring.significance,
            residual=ring.residual,
            uncertainty=ring.residual_uncertainty,
        )
        for ring in found.rings
    )


def _rings_in(scene: Scene, powder: Calibrant, reach: float) -> list[float]:
    q = scene.q()[scene.counted]
    low, high = float(q.min()) * (1 - reach), float(q.max()) * (1 + reach)
    rings = [each for each in powder.q if low < each < high]
    if not rings:
        raise CalibrationError(
            f"the counted pixels see q from {q.min():.4g} to {q.max():.4g} Å⁻¹, where {powder.name} has no "
            f"ring (its first is at {powder.q[0]:.4g}); is it this calibrant, or is the distance wrong?"
        )
    return rings


def _proposal(
    record: GeometryRecord,
    fields: Sequence[str],
    found: Fitted | FittedRings,
    scene: Scene,
    reference: ImageReference,
) -> CalibrationProposal:
    new = record.model_dump() | dict(zip(fields, found.values, strict=True))
    return CalibrationProposal.model_validate(
        {
            "before": record,
            "record": GeometryRecord.model_validate(new),
            "fields": tuple(fields),
            "covariance": found.covariance.tolist(),
            "image": reference,
            "mask": mask_digest(scene.counted),
            "pixels": found.pixels,
            "chi_squared": found.chi_squared,
        }
    )


def _refuse_runaway(
    record: GeometryRecord, fields: Sequence[str], found: Fitted | FittedRings, search: float, reach: float
) -> None:
    deviations = np.sqrt(np.diag(found.covariance))
    for field, value, deviation in zip(fields, found.values, deviations, strict=True):
        now = getattr(record, field)
        most, worst = (search, WORST_CENTRE) if field in CENTRE else (reach * now, WORST_DISTANCE * now)
        # What a wrong distance moves a swung detector's centre by is not the search's to forbid.
        if abs(value - now) > 2 * most or not np.isfinite(value):
            raise CalibrationError(
                f"the fit ran away: {field} from {now:g} to {value:g}; give a better guess"
            )
        if not deviation <= worst:
            raise CalibrationError(
                f"the image determines {field} to ±{deviation:.3g} only; more photons, or more of the rings, "
                "are needed"
            )


def _refuse_other_rings(found: FittedRings, powder: Calibrant) -> None:
    worst = max(found.rings, key=lambda ring: abs(ring.residual))
    if abs(worst.residual) > WORST_RING:
        raise CalibrationError(
            f"the ring of d = {worst.d_spacing:.4f} Å lies {worst.residual:+.2f} px off its place in the "
            f"best geometry; is it another calibrant than {powder.name}, or is the energy or the pixel "
            "size wrong?"
        )


def _digest(image: ArrayLike) -> str:
    return array_digest(np.asarray(image))
