# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Which places of a run's documents tell the geometry of a detector: declared, not programmed."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.documents.places import (
    GeometryError,
    Place,
    Provenance,
    Reading,
    number,
    unit_source,
)
from xpcs_mask_bluesky.documents.runview import RunView
from xpcs_mask_bluesky.geometry import GeometryRecord

FieldName = Literal[
    "incident_energy",
    "distance",
    "beam_center_x",
    "beam_center_y",
    "x_pixel_size",
    "y_pixel_size",
    "shape",
    "swing_angle_horizontal",
    "swing_angle_vertical",
    "tilt_pitch",
    "tilt_yaw",
    "tilt_roll",
    "incident_angle",
    "orientation",
    "delta",
    "beta",
]
UNIT_OF: Mapping[str, str] = {
    "incident_energy": "keV",
    "distance": "m",
    "beam_center_x": "px",
    "beam_center_y": "px",
    "x_pixel_size": "m",
    "y_pixel_size": "m",
    "swing_angle_horizontal": "deg",
    "swing_angle_vertical": "deg",
    "tilt_pitch": "deg",
    "tilt_yaw": "deg",
    "tilt_roll": "deg",
    "incident_angle": "deg",
    "orientation": "deg",
    "delta": "1",
    "beta": "1",
}
OPTIONAL = ("swing_angle_horizontal", "swing_angle_vertical", "tilt_pitch", "tilt_yaw", "tilt_roll")
REFLECTION = ("incident_angle", "orientation", "delta", "beta")
"""Declared, they must be there: a grazing run is never taken for transmission, nor its normal for up."""
ENERGY_AGREES_WITHIN = 1e-3
"""Relative: monochromators report energy and wavelength to four or five digits."""
DEFAULTS = {
    "incident_energy": (10.0, "keV"),
    "distance": (5.0, "m"),
    "x_pixel_size": (75e-6, "m"),
    "y_pixel_size": (75e-6, "m"),
}


class Shift(BaseModel):
    """A stage that carries the detector, so that the direct beam's pixel moves with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    places: tuple[Place, ...]
    """Of the stage's position."""
    reference: FiniteFloat
    """Its position, in ``unit``, for which the beam centre is recorded."""
    unit: str
    sign: Literal[1, -1] = 1
    """+1 if a growing position moves the direct beam to larger columns or rows."""


@dataclass(frozen=True)
class Resolved:
    """A geometry, and where each of its fields comes from."""

    record: GeometryRecord
    provenance: Mapping[str, Provenance]


class GeometrySource(BaseModel):
    """Per field of a :class:`GeometryRecord`, the places to look at in order of trust.

    Raises:
        ValueError: (pydantic's) naming the field, what came and what was expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: str
    """The detector's ophyd name."""
    fields: dict[FieldName, tuple[Place, ...]] = Field(default_factory=dict)
    wavelength: tuple[Place, ...] = ()
    """Checked against the energy, or used instead of it."""
    shifts: dict[Literal["beam_center_x", "beam_center_y"], Shift] = Field(default_factory=dict)
    assume_defaults: bool = False
    """Fill missing fields with 10 keV, 5 m, 75 µm and the image's centre, marked as assumed."""

    @classmethod
    def from_yaml(cls, path: str | Path, **names: str) -> GeometrySource:
        """Return the source that a YAML file declares; ``$name`` in it is replaced by ``names``.

        Raises:
            ValueError: If the file is no such YAML, or a ``$name`` was not given.
        """
        return cls._parse(Path(path).read_text(), str(path), names)

    @classmethod
    def preset(cls, name: str, **names: str) -> GeometrySource:
        """Return a source that comes with this package, such as ``ophyd-eiger``.

        Args:
            name: Of the preset.
            **names: What its ``$name`` stand for: ``detector="eiger4M"``.

        Raises:
            ValueError: If there is no such preset, naming those that there are.
        """
        folder = resources.files("xpcs_mask_bluesky.presets")
        there = sorted(each.name[:-5] for each in folder.iterdir() if each.name.endswith(".yaml"))
        if name not in there:
            raise ValueError(f"no preset {name!r}; there is {', '.join(there)}")
        return cls._parse(folder.joinpath(f"{name}.yaml").read_text(), name, names)

    @classmethod
    def _parse(cls, text: str, origin: str, names: Mapping[str, str]) -> GeometrySource:
        try:
            content = yaml.safe_load(string.Template(text).substitute(names))
        except KeyError as error:
            raise ValueError(f"{origin} needs {error.args[0]}=…") from error
        except yaml.YAMLError as error:
            raise ValueError(f"{origin} is no YAML: {error}") from error
        return cls.model_validate(content)

    def concerns(self, view: RunView) -> bool:
        """Return whether a run names this detector: in start, in an object key or in a data key."""
        if self.detector in (view.start.get("detectors") or ()):
            return True
        return any(
            self.detector in (each.get("object_keys") or {}) or self.measured_by(each)
            for each in view.descriptors
        )

    def measured_by(self, descriptor: Mapping[str, Any]) -> bool:
        """Return whether one of a descriptor's data keys is this detector's."""
        own = (f"{self.detector}_", f"{self.detector}-")
        return any(key == self.detector or key.startswith(own) for key in descriptor.get("data_keys") or {})

    def waits(self, view: RunView) -> bool:
        """Return whether a better place than those read so far is declared, its event still to come."""
        lists = [*self.fields.values(), *(shift.places for shift in self.shifts.values())]
        for places in lists:
            for place in places:
                if view.promised(place):
                    return True
                if view.find(place) is not None:
                    break
        return False

    def resolve(self, view: RunView) -> Resolved:
        """Return the geometry that a run's documents tell now.

        Raises:
            GeometryError: If a field is missing, has no number or no certain unit, or the values make
                no geometry.
        """
        values: dict[str, Any] = {}
        provenance: dict[str, Provenance] = {}
        missing: list[str] = []
        for field in GeometryRecord.model_fields:
            found = self._field(field, view)
            if found is not None:
                values[field], provenance[field] = found
            elif self._requires(field):
                missing.append(field)
        self._check_energy(view, values, provenance, missing)
        if missing and self.assume_defaults:
            self._assume(values, provenance, missing)
        if missing:
            raise GeometryError(self._missing(missing, view))
        self._shift(values, provenance, view)
        try:
            return Resolved(GeometryRecord.model_validate(values), provenance)
        except ValidationError as error:
            raise GeometryError(_in_words(error, provenance)) from error

    def _requires(self, field: str) -> bool:
        if field in REFLECTION:
            return bool(self._places(field) or (field == "orientation" and self._places("incident_angle")))
        return field not in OPTIONAL

    def _places(self, field: str) -> tuple[Place, ...]:
        return {str(name): places for name, places in self.fields.items()}.get(field, ())

    def _field(self, field: str, view: RunView) -> tuple[Any, Provenance] | None:
        for place in self._places(field):
            reading = view.find(place)
            if reading is not None:
                value = (
                    _shape(place, reading)
                    if field == "shape"
                    else number(field, place, reading, UNIT_OF[field])
                )
                return value, _provenance(place, reading, UNIT_OF.get(field, "px"))
        return None

    def _check_energy(
        self,
        view: RunView,
        values: dict[str, Any],
        provenance: dict[str, Provenance],
        missing: list[str],
    ) -> None:
        for place in self.wavelength:
            reading = view.find(place)
            if reading is None:
                continue
            energy = units.HC / number("wavelength", place, reading, "angstrom")
            known = values.setdefault("incident_energy", energy)
            if abs(known - energy) > ENERGY_AGREES_WITHIN * energy:
                raise GeometryError(
                    f"incident_energy is {known:g} keV, but the wavelength from {place} means "
                    f"{energy:g} keV; which one is stale?"
                )
            if "incident_energy" in missing:
                missing.remove("incident_energy")
                provenance["incident_energy"] = _provenance(place, reading, "keV")
            return

    def _assume(self, values: dict[str, Any], provenance: dict[str, Provenance], missing: list[str]) -> None:
        defaults = {field: value for field, (value, _) in DEFAULTS.items()}
        if "shape" in values:
            rows, columns = values["shape"]
            defaults |= {"beam_center_x": (columns - 1) / 2, "beam_center_y": (rows - 1) / 2}
        for field in [each for each in missing if each in defaults]:
            missing.remove(field)
            values[field] = defaults[field]
            provenance[field] = Provenance("default", "", "", "", UNIT_OF[field], "none", 0.0, assumed=True)

    def _shift(self, values: dict[str, Any], provenance: dict[str, Provenance], view: RunView) -> None:
        for field, shift in self.shifts.items():
            pixel = values["x_pixel_size" if field == "beam_center_x" else "y_pixel_size"]
            origin = units.magnitude(shift.reference, shift.unit, unit="m")
            for place in shift.places:
                reading = view.find(place)
                if reading is not None:
                    moved = number(f"stage of {field}", place, reading, "m") - origin
                    values[field] += shift.sign * moved / pixel
                    provenance[f"{field} shift"] = _provenance(place, reading, "m")
                    break
            else:
                raise GeometryError(
                    f"the stage that shifts {field} was not found in {', '.join(map(str, shift.places))}"
                )

    def _missing(self, missing: list[str], view: RunView) -> str:
        looked = "; ".join(
            f"{field}: {', '.join(map(str, self._places(field))) or 'no place declared'}" for field in missing
        )
        return f"run {view.uid[:8]}: no {', '.join(missing)} for {self.detector}; looked at: {looked}"


def _shape(place: Place, reading: Reading) -> tuple[int, int]:
    try:
        rows, columns = reading.value
    except (TypeError, ValueError) as error:
        raise GeometryError(f"shape from {place}: got {reading.value!r}; expected (rows, columns)") from error
    return rows, columns


def _provenance(place: Place, reading: Reading, unit: str) -> Provenance:
    return Provenance(
        where=place.where,
        key=place.key,
        document=reading.document,
        stream=reading.stream,
        unit=reading.unit or place.unit or unit,
        unit_source=unit_source(reading, place),
        time=reading.time,
        assumed=place.assumed,
    )


def _in_words(error: ValidationError, provenance: Mapping[str, Provenance]) -> str:
    said = []
    for each in error.errors():
        field = str(each["loc"][0])
        origin = provenance.get(field)
        place = f" from {origin.where} {origin.key}".rstrip() if origin else ""
        said.append(f"{field}{place}: got {each['input']!r}; {each['msg'].lower()}")
    return "; ".join(said)
