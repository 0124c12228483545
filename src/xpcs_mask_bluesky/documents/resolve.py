# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The geometry that a run's documents tell, by the places that a source declares; never a value invented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.documents.fields import DEFAULTS, ENERGY_AGREES_WITHIN, OPTIONAL, UNIT_OF
from xpcs_mask_bluesky.documents.places import (
    GeometryError,
    Place,
    Provenance,
    Reading,
    number,
    provenance_of,
    rows_and_columns,
    same,
)
from xpcs_mask_bluesky.geometry import GeometryRecord

if TYPE_CHECKING:
    from xpcs_mask_bluesky.documents.runview import RunView
    from xpcs_mask_bluesky.documents.source import GeometrySource, Shift

PIXEL_SIZE = {"beam_center_x": "x_pixel_size", "beam_center_y": "y_pixel_size"}
"""By centre, the pixel size along it."""
_ORDER = sorted(GeometryRecord.model_fields, key=lambda field: field in PIXEL_SIZE)
"""A shifted centre needs the pixel size."""


@dataclass(frozen=True)
class Resolved:
    """A geometry, and where each of its fields comes from."""

    record: GeometryRecord
    provenance: Mapping[str, Provenance]


def resolve(source: GeometrySource, view: RunView) -> Resolved:
    """Return the geometry that a run's documents tell now.

    Raises:
        GeometryError: As :meth:`GeometrySource.resolve`.
    """
    work = _Resolution(source, view)
    work.check_conditions()
    for field in _ORDER:
        work.take(field)
    work.check_wavelength()
    if work.missing and source.assume_defaults:
        work.assume()
    if work.missing:
        raise GeometryError(work.what_is_missing(), f"missing {work.missing}")
    try:
        return Resolved(GeometryRecord.model_validate(work.values), work.provenance)
    except ValidationError as error:
        raise _in_words(error, work.provenance) from error


class _Resolution:
    """The fields found so far, where, and what is missing."""

    def __init__(self, source: GeometrySource, view: RunView) -> None:
        self._source, self._view = source, view
        self.values: dict[str, Any] = {}
        self.provenance: dict[str, Provenance] = {}
        self.missing: list[str] = []

    def check_conditions(self) -> None:
        for condition in self._source.requires:
            found = _first(condition.places, self._view)
            if found and found[1].value not in condition.equals:
                place, reading = found
                raise GeometryError(
                    f"{place} is {reading.value!r}; expected {' or '.join(map(repr, condition.equals))}: the "
                    f"geometry in these documents is not that of {self._source.detector}",
                    f"condition {place}",
                )

    def take(self, field: str) -> None:
        """Take the first place that there is, and hold those that must agree against it."""
        used: Place | None = None
        for place in self._source.places(field):
            if used is not None and place.agree is None:
                continue
            reading = self._view.find(place)
            if reading is None or not self._can_be_shifted(field, place):
                continue
            value = self._value(field, place, reading, publish=used is None)
            if used is None:
                used, self.values[field] = place, value
            else:
                self._check_agreement(field, used, place, value)
        if used is None and self._requires(field):
            self.missing.append(field)

    def _value(self, field: str, place: Place, reading: Reading, *, publish: bool) -> Any:
        value = self._read(field, place, reading, UNIT_OF.get(field, "px"), publish=publish)
        shift = self._shift_of(field, place)
        return value if shift is None else value + self._shift(field, shift, publish=publish)

    def _read(self, name: str, place: Place, reading: Reading, unit: str, *, publish: bool) -> Any:
        """Return a reading in a unit: what was read of the same one before, if it was."""
        known = self._view.known.get((name, id(place)))
        if known is None or not same(known[0], reading):
            value = (
                rows_and_columns(place, reading) if name == "shape" else number(name, place, reading, unit)
            )
            known = self._view.known[name, id(place)] = reading, value, provenance_of(place, reading, unit)
        if publish:
            self.provenance[name] = known[2]
        return known[1]

    def _check_agreement(self, field: str, used: Place, other: Place, value: Any) -> None:
        known = self.values[field]
        agree = known == value if field == "shape" else abs(known - value) <= (other.agree or 0.0)
        if not agree:
            unit = UNIT_OF.get(field, "px")
            raise GeometryError(
                f"{field} is {known!r} {unit} from {used}, but {value!r} {unit} from {other}; they must "
                f"agree within {other.agree:g} {unit}: which one is stale?",
                f"{field} from {used} against {other}",
            )

    def _shift_of(self, field: str, place: Place) -> Shift | None:
        return next(
            (s for name, s in self._source.shifts.items() if name == field and not place.shifted), None
        )

    def _can_be_shifted(self, field: str, place: Place) -> bool:
        """Return whether a centre recorded for one position of a stage can be told for where it is."""
        shift = self._shift_of(field, place)
        return shift is None or (
            PIXEL_SIZE[field] in self.values
            and all(_first(places, self._view) for places in (shift.places, shift.reference_places))
        )

    def _shift(self, field: str, shift: Shift, *, publish: bool) -> float:
        """Return by how many pixels the stage moved the direct beam."""
        moved = 0.0
        for sign, name, places in (
            (1, f"{field} shift", shift.places),
            (-1, f"{field} shift reference", shift.reference_places),
        ):
            found = _first(places, self._view)
            if found is not None:
                moved += sign * self._read(name, *found, "m", publish=publish)
        return shift.sign * moved / self.values[PIXEL_SIZE[field]]

    def _requires(self, field: str) -> bool:
        if field == "orientation" and self._source.places("incident_angle"):
            return True
        return field not in OPTIONAL or bool(self._source.places(field))

    def check_wavelength(self) -> None:
        found = _first(self._source.wavelength, self._view)
        if found is None:
            return
        place, reading = found
        wavelength = number("wavelength", place, reading, "angstrom")
        if wavelength <= 0:
            raise GeometryError(f"wavelength from {place}: got {wavelength:g} Å; expected more than 0")
        energy = units.HC / wavelength
        known = self.values.setdefault("incident_energy", energy)
        if abs(known - energy) > ENERGY_AGREES_WITHIN * energy:
            raise GeometryError(
                f"incident_energy is {known:g} keV, but the wavelength from {place} means {energy:g} keV; "
                "which one is stale?",
                f"incident_energy against {place}",
            )
        if "incident_energy" in self.missing:
            self.missing.remove("incident_energy")
            self.provenance["incident_energy"] = provenance_of(place, reading, "keV")

    def assume(self) -> None:
        """Fill what is missing with the defaults, each marked."""
        defaults = {field: value for field, (value, _) in DEFAULTS.items()}
        if "shape" in self.values:
            rows, columns = self.values["shape"]
            defaults |= {"beam_center_x": (columns - 1) / 2, "beam_center_y": (rows - 1) / 2}
        for field in [each for each in self.missing if each in defaults]:
            self.missing.remove(field)
            self.values[field] = defaults[field]
            self.provenance[field] = Provenance(
                "default", "", "", "", UNIT_OF[field], "none", 0.0, assumed=True
            )

    def what_is_missing(self) -> str:
        looked = "; ".join(f"{field}: {self._looked_at(field)}" for field in self.missing)
        names = ", ".join(self.missing)
        return f"run {self._view.uid[:8]}: no {names} for {self._source.detector}; looked at: {looked}"

    def _looked_at(self, field: str) -> str:
        said = [str(place) for place in self._source.places(field)]
        shift = self._source.shift(field)
        if shift is not None:
            stage = (*shift.places, *shift.reference_places)
            said.append(f"and for the stage that shifts it: {', '.join(map(str, stage))}")
        return ", ".join(said) or "no place declared"


def _first(places: Iterable[Place], view: RunView) -> tuple[Place, Reading] | None:
    for place in places:
        reading = view.find(place)
        if reading is not None:
            return place, reading
    return None


def _in_words(error: ValidationError, provenance: Mapping[str, Provenance]) -> GeometryError:
    said: list[str] = []
    fields: list[str] = []
    for each in error.errors():
        field = str(each["loc"][0]) if each["loc"] else "the geometry"
        origin = provenance.get(field)
        place = f" from {origin.where} {origin.key}".rstrip() if origin else ""
        value = f"got {each['input']!r}; " if each["loc"] else ""
        said.append(f"{field}{place}: {value}{each['msg'].lower()}")
        fields.append(f"{field}{place}")
    return GeometryError("; ".join(said), f"no geometry: {fields}")
