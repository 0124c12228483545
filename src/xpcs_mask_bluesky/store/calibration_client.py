"""The calibrations of a detector: accept one, and ask which one counts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.store import calibrations
from xpcs_mask_bluesky.store.detector import DetectorNode

if TYPE_CHECKING:
    from xpcs_mask_bluesky.calibrate import CalibrationProposal


class CalibrationClient(DetectorNode):
    """What was accepted of proposals for a detector's geometry."""

    def accept_calibration(
        self, proposal: CalibrationProposal, *, author: str | None = None, reason: str
    ) -> calibrations.AcceptedCalibration:
        """Take over a proposal; a ``where: calibration`` place tells its values from the next event on.

        Args:
            proposal: Of :func:`find_beam_center` or :func:`fit_calibrant`.
            author: By default the user's login name.
            reason: For the log.

        Raises:
            ValueError: it is of another detector shape, or the reason is empty.
        """
        return calibrations.accept(self, proposal, author=author or self.author, reason=reason)

    def calibration(self, *, at: datetime | None = None) -> calibrations.AcceptedCalibration:
        """Return the calibration accepted last, or last at a time (with a time zone).

        Raises:
            LookupError: none was accepted.
        """
        return calibrations.accepted(self, at=at)
