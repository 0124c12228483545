"""The methods of an edit for what is not drawn: by value, by list, by file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xpcs_mask_bluesky.masks import Blemish, Constraint, Operation, Outliers, Pixels, Threshold
from xpcs_mask_bluesky.pixels import Suspect, rejecting

if TYPE_CHECKING:
    from xpcs_mask_bluesky.files.images import Orientation, Polarity
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.images import Statistic


class ValueTools:
    """What looks at values, or names pixels one by one."""

    _detector: DetectorNode

    def apply(
        self, operation: Operation, *, image: np.ndarray | None = None, statistic: Statistic = "mean"
    ) -> None:
        """Add any operation; see :meth:`Edit.apply`."""
        raise NotImplementedError

    def constraint(
        self,
        axis: str,
        *,
        lower: float | None = None,
        upper: float | None = None,
        logic: Literal["AND", "OR"] = "AND",
    ) -> None:
        """Keep the pixels with ``lower <= axis <= upper``, in the unit of the Q-map's axis."""
        self.apply(Constraint(axis=axis, lower=lower, upper=upper, logic=logic))

    def threshold(
        self,
        *,
        low: float | None = None,
        high: float | None = None,
        saturated: str | None = None,
        image: np.ndarray | None = None,
    ) -> None:
        """Keep the pixels with ``low <= image < high``.

        Args:
            low: In counts.
            high: In counts.
            saturated: In place of ``high``: the dtype of the detector's frames (``"uint16"``, …), whose
                greatest value is rejected.
            image: ``(rows, columns)``; by default the mean of all frames of the last run, or for
                ``saturated`` their maximum.

        Raises:
            LookupError: no image was given, and no run has frames of this detector.
            ValueError: the limits do not make sense, or the image has another shape.
        """
        if saturated is None:
            self.apply(Threshold(low=low, high=high), image=image)
            return
        if high is not None:
            raise ValueError(f"threshold has high={high:g} and saturated={saturated!r}; give one of them")
        self.apply(Threshold.saturated(saturated, low=low), image=image, statistic="maximum")

    def outliers(
        self,
        *,
        by: Literal["q", "box"] = "q",
        method: Literal["mad", "percentile"] = "mad",
        cutoff: float = 5.0,
        rings: int = 180,
        box: int = 32,
        percentiles: tuple[float, float] = (5.0, 95.0),
        image: np.ndarray | None = None,
    ) -> None:
        """Reject the pixels that stand out in their ring of q or their box.

        Args:
            by: Which of them.
            method: Of middle and deviation; see :class:`~xpcs_mask_bluesky.Outliers`.
            cutoff: In standard deviations.
            rings: Number of rings of q.
            box: Side of a box, in px.
            percentiles: For the method ``"percentile"``.
            image: ``(rows, columns)``; by default the mean of all frames of the last run.

        Raises:
            LookupError: no image was given, and no run has frames of this detector.
            ValueError: a number does not make sense, or the image has another shape.
        """
        operation = Outliers(
            by=by, method=method, cutoff=cutoff, rings=rings, box=box, percentiles=percentiles
        )
        self.apply(operation, image=image)

    def pixels(self, pixels: Iterable[tuple[int, int]], *, reason: str = "") -> None:
        """Reject the listed pixels, each ``(row, column)``, integers from 0.

        Raises:
            ValueError: one of them is no pixel of the detector.
        """
        listed = np.asarray(list(pixels))
        if listed.size and (listed.dtype.kind not in "ui" or listed.shape[1:] != (2,)):
            raise ValueError(
                f"pixels are {listed.dtype} {listed.shape}; expected integers, (row, column) each"
            )
        self.apply(Pixels(pixels=tuple((row, column) for row, column in listed.tolist()), reason=reason))

    def hot_pixels(self, found: Iterable[Suspect], *, reason: str = "") -> None:
        """Reject what :meth:`XPCSDetector.suspects` proposed, or what of it a person chose: one operation."""
        self.apply(rejecting(found, reason=reason))

    def blemish(self, array: np.ndarray, *, source: str = "") -> None:
        """Keep only a detector mask's good pixels: boolean ``(rows, columns)``, True = good."""
        self._detector.check_shape(np.shape(array), "blemish")
        self.apply(Blemish.from_array(np.asarray(array), source=source))

    def file(
        self,
        path: str | Path,
        *,
        polarity: Polarity,
        orientation: Orientation,
        dataset: str | None = None,
    ) -> None:
        """Keep only the good pixels of a mask file; polarity and orientation are declared.

        The log keeps the pixels by their digest, and the file's name for people.

        Args:
            path: TIFF, HDF5, NPY, EDF, CBF or fit2d's .msk.
            polarity: What a pixel is that is not zero: ``"good"``, ``"bad"`` or ``"pixel_mask"``.
            orientation: What the file's two indices count, such as ``"row,column"``.
            dataset: Path inside an HDF5 file.

        Raises:
            MaskFileError: (a ``ValueError``) the file is damaged or has another shape.
        """
        from xpcs_mask_bluesky.files.images import file_mask

        shape = self._detector.shape
        self.apply(file_mask(path, shape=shape, polarity=polarity, orientation=orientation, dataset=dataset))
