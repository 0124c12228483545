"""What a calibration proposes: values, uncertainties, what they were taken from. It changes nothing."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import ConfigDict

from xpcs_mask_bluesky.checked import Checked
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.masks import ImageReference

Field = Literal["beam_center_x", "beam_center_y", "distance"]
UNITS = {"beam_center_x": "px", "beam_center_y": "px", "distance": "m"}


class RingResidual(Checked):
    """How well one ring lies where the calibrated geometry puts it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    d_spacing: float
    """In Å."""
    pixels: int
    """Near it, that counted."""
    significance: float
    """Its height in standard deviations."""
    residual: float
    """How far outside its place it lies, in px."""
    uncertainty: float
    """Of ``residual``, in px."""


class CalibrationProposal(Checked):
    """A calibrated geometry for a person to accept: ``detector.accept_calibration(proposal, …)``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    before: GeometryRecord
    """The geometry that the fit started from, which is what the run documents tell."""
    record: GeometryRecord
    """The geometry proposed: ``fields`` are new, the others those of ``before``."""
    fields: tuple[Field, ...]
    covariance: tuple[tuple[float, ...], ...]
    """Of the fields, in their order and units (px, px, m)."""
    image: ImageReference
    mask: str
    """Digest of the mask, True = counted."""
    pixels: int
    """That went into the fit."""
    chi_squared: float
    """Per degree of freedom; the scatter of the pixels is measured, so that 1 means a good model."""
    calibrant: str | None = None
    """Name and source of the d-spacings; None for a centre without rings."""
    rings: tuple[RingResidual, ...] = ()
    intensity_slope: tuple[float, float] | None = None
    """Along column and row, per 100 px, fitted with a centre without calibrant; None: none was seen."""
    slope_sensitivity: tuple[float, float] | None = None
    """Pixels by which a slope too small to be seen, of 1 per 100 px, would move the centre along each."""

    @property
    def uncertainties(self) -> dict[str, float]:
        """Standard uncertainty of each field, in px and m, from the noise of independent pixels."""
        return {field: self.covariance[k][k] ** 0.5 for k, field in enumerate(self.fields)}

    def describe(self) -> str:
        """Return what is proposed, one line for each value and each ring."""
        where = f" of run {self.image.run[:8]}" if self.image.run else ""
        lines = [f"calibration from image {self.image.digest[:8]}{where}, {self.pixels} pixels:"]
        for field, uncertainty in self.uncertainties.items():
            was, now = getattr(self.before, field), getattr(self.record, field)
            digits = max(0, 1 - math.floor(math.log10(uncertainty)))
            unit = UNITS[field]
            lines.append(
                f"  {field}: {was:.{digits}f} -> {now:.{digits}f} ± {uncertainty:.{digits}f} {unit} "
                f"({now - was:+.{digits}f} {unit})"
            )
        if self.calibrant:
            lines.append(f"  rings of {self.calibrant}:")
        lines += [
            f"    d = {ring.d_spacing:.4f} Å: {ring.residual:+.3f} ± {ring.uncertainty:.3f} px, "
            f"{ring.significance:.0f} σ high"
            for ring in self.rings
        ]
        lines += self._slope_line()
        return "\n".join([*lines, f"  χ² per degree of freedom: {self.chi_squared:.2f}"])

    def _slope_line(self) -> list[str]:
        if self.intensity_slope is not None:
            x, y = (100 * each for each in self.intensity_slope)
            return [f"  intensity slope, fitted with it: {x:+.1f} % per 100 columns, {y:+.1f} % per 100 rows"]
        if self.slope_sensitivity is not None:
            moved = max(map(abs, self.slope_sensitivity)) / 100
            return [
                f"  no intensity slope seen; one of 1 % per 100 px would move the centre by {moved:.2g} px"
            ]
        return []
