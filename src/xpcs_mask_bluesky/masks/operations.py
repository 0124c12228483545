"""The operations a mask is made of: frozen, validated, with a JSON round trip and one line of words.

An operation holds no path and no array. What it needs of those is named by content digest, and
``evaluate`` is told where digests resolve.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    PrivateAttr,
    TypeAdapter,
    model_validator,
)

from xpcs_mask_bluesky.digests import array_digest

PositiveFinite = Annotated[FiniteFloat, Field(gt=0)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Layer(IntEnum):
    """The order in which a mask is built; the mask is the AND of all layers."""

    DEFAULT = 0
    THRESHOLD = 1
    PARAMETER = 2
    DRAWING = 3


class Operation(BaseModel):
    """One step of a mask. Two operations with the same content are equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: ClassVar[Layer]

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """Digests of the stored arrays without which this cannot be evaluated."""
        return ()

    @property
    def needs_qmap(self) -> bool:
        """Whether the result depends on the geometry."""
        return False

    def describe(self) -> str:
        """Return one line for people."""
        raise NotImplementedError


class Rectangle(Operation):
    """Reject the pixels inside a rectangle centred on ``(row, column)``, edges excluded."""

    kind: Literal["rectangle"] = "rectangle"
    layer = Layer.DRAWING
    row: FiniteFloat
    column: FiniteFloat
    height: PositiveFinite
    """Extent along rows' index at angle 0, in px."""
    width: PositiveFinite
    """Extent along columns' index at angle 0, in px."""
    angle: FiniteFloat = 0.0
    """Turns the row axis towards the column axis, in degrees."""

    def describe(self) -> str:
        """Return one line for people."""
        turned = f", turned {self.angle:g}°" if self.angle else ""
        return (
            f"rectangle {self.height:g}×{self.width:g} px at "
            f"(row {self.row:g}, column {self.column:g}){turned}"
        )


class Circle(Operation):
    """Reject the pixels closer than ``radius`` px to ``(row, column)``."""

    kind: Literal["circle"] = "circle"
    layer = Layer.DRAWING
    row: FiniteFloat
    column: FiniteFloat
    radius: PositiveFinite

    def describe(self) -> str:
        """Return one line for people."""
        return f"circle of {self.radius:g} px at (row {self.row:g}, column {self.column:g})"


class ImageReference(BaseModel):
    """The image that a threshold was taken from, so that it can be evaluated again anywhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    """Of the image itself, under which it is stored."""
    run: str = ""
    """Uid of the run that it comes from, if it comes from one."""
    stream: str = ""
    frames: str = ""
    """Which frames, and how they were made one: ``"mean of 0:300"``."""


class Threshold(Operation):
    """Keep ``low <= image < high``; NaN is never kept."""

    kind: Literal["threshold"] = "threshold"
    layer = Layer.THRESHOLD
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    image: ImageReference | None = None
    """Where the image is; None takes the one given to ``evaluate``."""

    @model_validator(mode="after")
    def _check_order(self) -> Threshold:
        if self.low is None and self.high is None:
            raise ValueError("a threshold needs low, high or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"threshold low={self.low:g} is not below high={self.high:g}")
        return self

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """The image's digest, when it is recorded."""
        return () if self.image is None else (self.image.digest,)

    def describe(self) -> str:
        """Return one line for people."""
        low = "" if self.low is None else f"{self.low:g} ≤ "
        high = "" if self.high is None else f" < {self.high:g}"
        of = (
            f", {self.image.frames or 'image'} of run {self.image.run[:8]}"
            if (self.image is not None and self.image.run)
            else ""
        )
        return f"threshold {low}intensity{high}{of}"


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
        return f"{self.logic} {lower}{self.axis}{upper}"


class Pixels(Operation):
    """Reject the listed pixels, each ``(row, column)``."""

    kind: Literal["pixels"] = "pixels"
    layer = Layer.PARAMETER
    pixels: Annotated[tuple[tuple[NonNegativeInt, NonNegativeInt], ...], Field(min_length=1)]

    def describe(self) -> str:
        """Return one line for people."""
        first = ", ".join(f"({row}, {column})" for row, column in self.pixels[:3])
        more = f" and {len(self.pixels) - 3} more" if len(self.pixels) > 3 else ""
        return f"pixels {first}{more}"


class Blemish(Operation):
    """Keep only the good pixels of a stored detector mask (True = good)."""

    kind: Literal["blemish"] = "blemish"
    layer = Layer.DEFAULT
    digest: Digest
    """``array_digest`` of the boolean array, under which it is stored."""
    shape: tuple[PositiveInt, PositiveInt]
    rejected: NonNegativeInt
    """Number of bad pixels."""
    source: str = ""
    _array: Any = PrivateAttr(default=None)

    @classmethod
    def from_array(cls, array: np.ndarray, *, source: str = "") -> Blemish:
        """Return the operation of a detector mask, and keep the array at hand for ``evaluate``.

        Args:
            array: Boolean ``(rows, columns)``, True = good.
            source: Where it comes from, for people.

        Raises:
            ValueError: If the array is not boolean or not two-dimensional.
        """
        if array.dtype != bool or array.ndim != 2:
            raise ValueError(
                f"blemish is {array.dtype} {array.shape}; expected bool (rows, columns), True = good; "
                "a NeXus pixel_mask has the opposite polarity"
            )
        kept = array.copy()
        kept.flags.writeable = False
        blemish = cls(
            digest=array_digest(kept),
            shape=(kept.shape[0], kept.shape[1]),
            rejected=int(kept.size - np.count_nonzero(kept)),
            source=source,
        )
        blemish._array = kept
        return blemish

    @property
    def array(self) -> np.ndarray | None:
        """The mask itself, where this operation was made from it; None after reading from JSON."""
        return self._array

    @property
    def needs_arrays(self) -> tuple[str, ...]:
        """The mask's digest."""
        return (self.digest,)

    def describe(self) -> str:
        """Return one line for people."""
        source = f" from {self.source}" if self.source else ""
        return f"blemish of {self.rejected} pixels{source}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Blemish) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.digest, self.source))


AnyOperation = Annotated[
    Rectangle | Circle | Threshold | Constraint | Pixels | Blemish, Field(discriminator="kind")
]
_ADAPTER: TypeAdapter[Operation] = TypeAdapter(AnyOperation)


def operation_from_json(content: Any) -> Operation:
    """Return the operation that a JSON object tells.

    Raises:
        ValueError: If its kind is unknown or a field is wrong, naming it.
    """
    return _ADAPTER.validate_python(content)
