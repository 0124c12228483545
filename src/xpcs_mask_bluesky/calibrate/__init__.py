"""Beam centre and distance from images: proposals with uncertainties, which a person accepts or not."""

from xpcs_mask_bluesky.calibrate.calibrants import Calibrant
from xpcs_mask_bluesky.calibrate.fit import find_beam_center, fit_calibrant
from xpcs_mask_bluesky.calibrate.proposal import CalibrationProposal, RingResidual
from xpcs_mask_bluesky.calibrate.scene import CalibrationError

__all__ = [
    "Calibrant",
    "CalibrationError",
    "CalibrationProposal",
    "RingResidual",
    "find_beam_center",
    "fit_calibrant",
]
