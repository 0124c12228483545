"""Operations on the values of pixels: of an image, or of the Q-map."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from xpcs_mask_bluesky.masks.base import ImageReference, Layer, Operation, PositiveFinite, one_line

Percentile = Annotated[FiniteFloat, Field(ge=0, le=100)]


class OfImage(Operation):
    """An operation that looks at an image."""

    image: ImageReference | None = None
    """Where the image is; None takes the one given to ``evaluate``."""

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """The image's digest, when it is recorded."""
        return () if self.image is None else (self.image.digest,)

    @property
    def needs_image(self) -> bool:
        """Whether the image is still to be given."""
        return self.image is None

    def _of(self) -> str:
        return "" if self.image is None else self.image.describe()


class Threshold(OfImage):
    """Keep ``low <= image < high``; NaN is never kept."""

    kind: Literal["threshold"] = "threshold"
    layer = Layer.THRESHOLD
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Threshold:
        if self.low is None and self.high is None:
            raise ValueError("a threshold needs low, high or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"threshold low={self.low:g} is not below high={self.high:g}")
        return self

    @classmethod
    def saturated(
        cls, dtype: str, *, low: float | None = None, image: ImageReference | None = None
    ) -> Threshold:
        """Return the threshold that rejects what stands at the greatest value of a detector's dtype.

        That is where counters stop, and where Eiger marks gaps and dead pixels. A mean over frames
        hides a pixel that was saturated in a few of them: take the maximum.

        Args:
            dtype: Of the detector's frames: ``"uint8"``, ``"uint16"``, ``"int32"``, …
            low: In counts.
            image: Where the image is.

        Raises:
            ValueError: If it is not a dtype of integers.
        """
        try:
            greatest = np.iinfo(np.dtype(dtype)).max
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"dtype {dtype!r} has no value of saturation; expected integers such as 'uint16' or 'uint32'"
            ) from error
        return cls(low=low, high=float(greatest), image=image)

    def describe(self) -> str:
        """Return one line for people."""
        low = "" if self.low is None else f"{self.low:.12g} ≤ "
        high = "" if self.high is None else f" < {self.high:.12g}"
        return f"threshold {low}intensity{high}{self._of()}"


class Constraint(Operation):
    """Keep ``lower <= axis <= upper``, closed on both ends; phi ranges may cross ±180.

    The constraints of a mask combine in order: the first starts the result, whatever its logic says,
    and each further one joins it by AND or OR.
    """

    kind: Literal["constraint"] = "constraint"
    layer = Layer.PARAMETER
    axis: str
    lower: FiniteFloat | None = None
    upper: FiniteFloat | None = None
    logic: Literal["AND", "OR"] = "AND"

    @model_validator(mode="after")
    def _check_order(self) -> Constraint:
        if self.lower is None and self.upper is None:
            raise ValueError(f"a constraint on {self.axis} needs lower, upper or both")
        if None not in (self.lower, self.upper) and self.axis != "phi" and self.lower > self.upper:  # type: ignore[operator]
            raise ValueError(
                f"constraint on {self.axis}: lower={self.lower:g} is above upper={self.upper:g}; "
                "only phi may wrap around"
            )
        return self

    @property
    def needs_qmap(self) -> bool:
        """Always: an axis of the Q-map is what it constrains."""
        return True

    def describe(self) -> str:
        """Return one line for people."""
        lower = "" if self.lower is None else f"{self.lower:g} ≤ "
        upper = "" if self.upper is None else f" ≤ {self.upper:g}"
        return f"{self.logic} {lower}{one_line(self.axis)}{upper}"


class Outliers(OfImage):
    """Reject the pixels that stand out among those of their q ring or box.

    A pixel is an outlier when it is at least ``cutoff`` standard deviations off the middle of its
    region. Only pixels that the default layer, thresholds and the other parameter operations leave
    are looked at. A region without any spread has no outliers.
    """

    kind: Literal["outliers"] = "outliers"
    layer = Layer.PARAMETER
    by: Literal["q", "box"] = "q"
    """Regions: rings of q, or square boxes next to each other."""
    rings: PositiveInt = 180
    """Number of rings, equally wide from the least to the greatest q that is looked at."""
    box: Annotated[int, Field(ge=2)] = 32
    """Side of a box, in px."""
    method: Literal["mad", "percentile"] = "mad"
    """Middle and deviation: median and 1.4826 times the median absolute deviation; or mean and standard
    deviation of what lies between two percentiles."""
    cutoff: PositiveFinite = 5.0
    """In standard deviations."""
    percentiles: tuple[Percentile, Percentile] = (5.0, 95.0)
    """For the method ``"percentile"``."""

    @model_validator(mode="after")
    def _check_percentiles(self) -> Outliers:
        if self.percentiles[0] >= self.percentiles[1]:
            raise ValueError(f"percentiles {self.percentiles} are not in rising order")
        return self

    @property
    def needs_qmap(self) -> bool:
        """Whether the regions are rings of q."""
        return self.by == "q"

    def describe(self) -> str:
        """Return one line for people."""
        regions = f"{self.rings} rings of q" if self.by == "q" else f"boxes of {self.box} px"
        low, high = self.percentiles
        method = "MAD" if self.method == "mad" else f"percentiles {low:g} to {high:g}"
        return f"outliers of {self.cutoff:g} deviations in {regions} by {method}{self._of()}"
