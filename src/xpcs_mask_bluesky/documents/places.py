# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Where a number is in a run's documents, and what was read there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

from xpcs_mask_bluesky import units

Where = Literal["start", "configuration", "event", "baseline", "data_key", "const", "calibration"]


class GeometryError(ValueError):
    """A run's documents do not tell a geometry: what is missing or wrong, and where it was looked for."""


class Place(BaseModel):
    """One place where a field may be found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: Where
    """``start``: the start document; ``configuration``: a descriptor's; ``event``: any stream but the
    baseline; ``data_key``: the shape that a data key declares; ``const``: the value given here;
    ``calibration``: the value of the field ``key`` that was accepted last for the detector."""
    key: str = ""
    """Data key, or the dotted path in the start document."""
    index: int | None = None
    """Of an element, where the value is a list."""
    value: FiniteFloat | tuple[int, int] | None = None
    """Of a constant."""
    unit: str | None = None
    """Used where the document declares none; where it declares another, that is an error."""
    scale: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0
    """Added after scale and sign, in ``unit``."""
    sign: Literal[1, -1] = 1
    assumed: bool = False
    """Marks a constant that nobody measured; so it is published."""

    @model_validator(mode="after")
    def _check(self) -> Place:
        if (self.where == "const") != (self.value is not None):
            raise ValueError(f"{self.where} {self.key!r}: a const has a value, and nothing else has one")
        if self.where != "const" and not self.key:
            raise ValueError(f"{self.where} needs a key")
        return self

    def __str__(self) -> str:
        return f"{self.where} {self.key}" if self.key else self.where


@dataclass(frozen=True)
class Reading:
    """A value as a document holds it."""

    value: Any
    unit: str | None
    document: str
    """Uid of the document."""
    stream: str
    time: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Provenance:
    """Where a field of a geometry comes from; part of what is published."""

    where: str
    key: str
    document: str
    stream: str
    unit: str
    unit_source: Literal["document", "source", "none"]
    time: float
    assumed: bool


def number(field: str, place: Place, reading: Reading, unit: str) -> float:
    """Return a reading as a number of ``unit``.

    Raises:
        GeometryError: If it is no finite number, or its unit is missing, unknown or contradicted.
    """
    value = reading.value
    if place.index is not None:
        try:
            value = value[place.index]
        except (TypeError, IndexError, KeyError) as error:
            raise GeometryError(f"{field} from {place}: {value!r} has no element {place.index}") from error
    value = _finite(field, place, value)
    declared = _declared_unit(field, place, reading)
    try:
        return units.magnitude(value * place.scale * place.sign + place.offset, declared, unit=unit)
    except units.UnitError as error:
        raise GeometryError(f"{field} from {place}: {error}") from error


def unit_source(reading: Reading, place: Place) -> Literal["document", "source", "none"]:
    """Return who said the unit of a reading."""
    if reading.unit:
        return "document"
    return "source" if place.unit else "none"


def _finite(field: str, place: Place, value: Any) -> float:
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        value = value.item()
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GeometryError(f"{field} from {place}: got {value!r}; expected a finite number")
    return float(value)


def _declared_unit(field: str, place: Place, reading: Reading) -> str | None:
    if not (reading.unit and place.unit):
        return reading.unit or place.unit
    try:
        agree = units.same_unit(reading.unit, place.unit)
    except units.UnitError as error:
        raise GeometryError(f"{field} from {place}: {error}") from error
    if not agree:
        raise GeometryError(
            f"{field} from {place}: the document declares {reading.unit!r}, the geometry source "
            f"{place.unit!r}; which is right?"
        )
    return reading.unit
