# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Where a number is in a run's documents, and what was read there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.checked import Checked

Where = Literal["start", "configuration", "event", "monitor", "baseline", "data_key", "const", "calibration"]


class GeometryError(ValueError):
    """A run's documents do not tell a geometry: what is missing or wrong, and where it was looked for.

    Args:
        message: One line for people.
        about: What it is about, without the values: the same fault at the next event has the same.
    """

    def __init__(self, message: str, about: str = "") -> None:
        super().__init__(message)
        self.about = about or message


class Place(Checked):
    """One place where a field may be found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    where: Where
    """``start``: the start document; ``configuration``: a descriptor's; ``event``: any stream but the
    baseline; ``monitor``: the stream ``KEY_monitor`` only; ``data_key``: the shape that a data key
    declares; ``const``: the value given here; ``calibration``: the value of the field ``key`` that was
    accepted last for the detector."""
    key: str = ""
    """Data key, or the dotted path in the start document."""
    stream: str | None = None
    """Of an event or monitor, if only this stream counts."""
    index: int | None = None
    """Of an element, where the value is a list."""
    axes: tuple[int, int] = (-2, -1)
    """Of a data key's shape, which of its numbers are rows and columns: ``[1, 0]`` where a document
    declares (columns, rows, frames)."""
    value: FiniteFloat | tuple[int, int] | None = None
    """Of a constant."""
    unit: str | None = None
    """Used where the document declares none; where it declares another, that is an error."""
    mislabelled: str | None = None
    """The unit that the document is known to declare wrongly; ``unit`` counts instead of it."""
    scale: FiniteFloat = 1.0
    offset: FiniteFloat = 0.0
    """Added after scale and sign, in ``unit``."""
    sign: Literal[1, -1] = 1
    agree: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """Where a place before this one is used, this one must tell the same within so much, in the field's
    unit; else that is an error. Without it this place is only what is left if those before fail."""
    shifted: bool = False
    """Of a beam centre: it holds for where the stage is now, so that no shift is added."""
    assumed: bool = False
    """Marks what nobody measured; so it is published."""

    @model_validator(mode="after")
    def _check(self) -> Place:
        if (self.where == "const") != (self.value is not None):
            raise ValueError(f"{self.where} {self.key!r}: a const has a value, and nothing else has one")
        if self.where != "const" and not self.key:
            raise ValueError(f"{self.where} needs a key")
        if self.stream and self.where not in {"event", "monitor"}:
            raise ValueError(f"{self}: only an event or a monitor has a stream")
        if self.mislabelled and not self.unit:
            raise ValueError(f"{self}: mislabelled says which unit is wrong; unit must say which is right")
        return self

    def __str__(self) -> str:
        return f"{self.where} {self.key}" if self.key else self.where


class Reading(NamedTuple):
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
            message = f"{field} from {place}: {value!r} has no element {place.index}"
            raise GeometryError(message, f"{field} from {place}: element") from error
    value = _finite(field, place, value)
    declared = _declared_unit(field, place, reading)
    try:
        return units.magnitude(value * place.scale * place.sign + place.offset, declared, unit=unit)
    except units.UnitError as error:
        raise GeometryError(f"{field} from {place}: {error}", f"{field} from {place}: unit") from error


def rows_and_columns(place: Place, reading: Reading) -> tuple[int, int]:
    """Return a reading as a detector's shape.

    Raises:
        GeometryError: If it is none.
    """
    try:
        rows, columns = (
            (reading.value[axis] for axis in place.axes) if place.where == "data_key" else reading.value
        )
    except (TypeError, ValueError, IndexError) as error:
        message = f"shape from {place}: got {reading.value!r}; expected (rows, columns)"
        raise GeometryError(message, f"shape from {place}") from error
    return rows, columns


def same(before: Reading, after: Reading) -> bool:
    """Return whether two readings are the same one; of arrays that is not asked."""
    if before is after:
        return True
    try:
        return bool(before == after)
    except ValueError:
        return False


def provenance_of(place: Place, reading: Reading, unit: str) -> Provenance:
    """Return what is published about a reading that was used; ``unit`` is the field's own."""
    by_document = reading.unit and not (place.mislabelled and place.unit)
    return Provenance(
        where=place.where,
        key=place.key,
        document=reading.document,
        stream=reading.stream,
        unit=(reading.unit if by_document else place.unit) or unit,
        unit_source="document" if by_document else ("source" if place.unit else "none"),
        time=reading.time,
        assumed=place.assumed,
    )


def _finite(field: str, place: Place, value: Any) -> float:
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        value = value.item()
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        message = f"{field} from {place}: got {value!r}; expected a finite number"
        raise GeometryError(message, f"{field} from {place}: number")
    return float(value)


def _declared_unit(field: str, place: Place, reading: Reading) -> str | None:
    if not (reading.unit and place.unit):
        return reading.unit or place.unit
    try:
        agree = units.same_unit(reading.unit, place.unit)
        if not agree and place.mislabelled and units.same_unit(reading.unit, place.mislabelled):
            return place.unit
    except units.UnitError as error:
        raise GeometryError(f"{field} from {place}: {error}", f"{field} from {place}: unit") from error
    if not agree:
        message = (
            f"{field} from {place}: the document declares {reading.unit!r}, the geometry source "
            f"{place.unit!r}; which is right?"
        )
        raise GeometryError(message, f"{field} from {place}: unit")
    return reading.unit
