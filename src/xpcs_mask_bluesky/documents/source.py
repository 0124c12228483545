# Run documents are JSON: what is in them is known when it is looked at.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Which places of a run's documents tell the geometry of a detector: declared, not programmed."""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, FiniteFloat, model_validator

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.checked import Checked
from xpcs_mask_bluesky.documents.fields import TOLERANCES, UNIT_OF, FieldName
from xpcs_mask_bluesky.documents.places import Place
from xpcs_mask_bluesky.documents.resolve import Resolved, resolve
from xpcs_mask_bluesky.documents.runview import RunView

__all__ = ["UNIT_OF", "Condition", "FieldName", "GeometrySource", "Resolved", "Shift"]

Tolerance = Annotated[FiniteFloat, Field(ge=0)]


class Shift(Checked):
    """A stage that carries the detector, so that the direct beam's pixel moves with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    places: tuple[Place, ...]
    """Of the stage's position."""
    reference: FiniteFloat | tuple[Place, ...]
    """Its position for which the beam centre is recorded: a number in ``unit``, or where it is."""
    unit: str | None = None
    """Of a reference that is a number."""
    sign: Literal[1, -1] = 1
    """+1 if a growing position moves the direct beam to larger columns or rows."""

    @model_validator(mode="after")
    def _check(self) -> Shift:
        if isinstance(self.reference, float | int) and not self.unit:
            raise ValueError(f"the reference {self.reference} of a shift needs its unit")
        return self

    @cached_property
    def reference_places(self) -> tuple[Place, ...]:
        """The reference as places, a number as a constant."""
        if isinstance(self.reference, tuple):
            return self.reference
        return (Place(where="const", value=self.reference, unit=self.unit),)


class Condition(Checked):
    """A text of a run's documents that tells whether they are about this detector at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    places: tuple[Place, ...]
    equals: tuple[str, ...]
    """What it may be; anything else is an error. A run without it meets the condition."""


class GeometrySource(Checked):
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
    requires: tuple[Condition, ...] = ()
    """What the documents must say of themselves, such as the name of the detector that they describe."""
    tolerances: dict[FieldName, Tolerance] = Field(default_factory=dict)
    """How far a field may drift from the geometry that was said last without making a new one, in the
    field's unit; 0 says every difference. Where nothing stands here, :data:`TOLERANCES` counts."""
    assume_defaults: bool = False
    """Fill missing fields with 10 keV, 5 m, 75 µm and the image's centre, marked as assumed."""

    @model_validator(mode="after")
    def _check_units(self) -> GeometrySource:
        """Refuse now a unit that could only fail at the first run."""
        for field, places in self.fields.items():
            _check(f"fields.{field}", places, UNIT_OF.get(field, ""))
        _check("wavelength", self.wavelength, "angstrom")
        for field, shift in self.shifts.items():
            _check(f"shifts.{field}", (*shift.places, *shift.reference_places), "m")
        return self

    @classmethod
    def from_yaml(cls, path: str | Path, **names: object) -> GeometrySource:
        """Return the source that a YAML file declares; ``$name`` in it is replaced by ``names``.

        Raises:
            ValueError: If the file is no such YAML, or a ``$name`` was not given.
        """
        return cls._parse(Path(path).read_text(), str(path), names)

    @classmethod
    def preset(cls, name: str, **names: object) -> GeometrySource:
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
    def _parse(cls, text: str, origin: str, names: Mapping[str, object]) -> GeometrySource:
        try:
            content = yaml.safe_load(string.Template(text).substitute(names))
        except KeyError as error:
            raise ValueError(f"{origin} needs {error.args[0]}=…") from error
        except yaml.YAMLError as error:
            raise ValueError(f"{origin} is no YAML: {error}") from error
        return cls.model_validate(content)

    def places(self, field: str) -> tuple[Place, ...]:
        """Return the places of a field, none if it has none."""
        return self._places.get(field, ())

    def shift(self, field: str) -> Shift | None:
        """Return the stage that shifts a field, None for most."""
        return self._shifts.get(field)

    @cached_property
    def _places(self) -> dict[str, tuple[Place, ...]]:
        return {str(name): places for name, places in self.fields.items()}

    @cached_property
    def _shifts(self) -> dict[str, Shift]:
        return {str(name): shift for name, shift in self.shifts.items()}

    @cached_property
    def _tolerances(self) -> dict[str, float]:
        return {**TOLERANCES, **{str(name): value for name, value in self.tolerances.items()}}

    @cached_property
    def keys(self) -> frozenset[str]:
        """The data keys and configuration keys that tell something of this geometry."""
        return frozenset(place.key for place in _all(self) if place.where not in {"const", "start"})

    def tolerance(self, field: str) -> float:
        """Return how far a field may drift, in its own unit."""
        return self._tolerances.get(field, 0.0)

    def named_by(self, descriptor: Mapping[str, Any]) -> bool:
        """Return whether a descriptor names this detector: by an object key or a data key."""
        return self.detector in (descriptor.get("object_keys") or {}) or self.measured_by(descriptor)

    def measured_by(self, descriptor: Mapping[str, Any]) -> bool:
        """Return whether one of a descriptor's data keys is this detector's."""
        own = (f"{self.detector}_", f"{self.detector}-")
        return any(key == self.detector or key.startswith(own) for key in descriptor.get("data_keys") or {})

    def waits(self, view: RunView) -> bool:
        """Return whether a better place than those read so far is declared, its event still to come."""
        for places in _lists(self):
            for place in places:
                if view.promised(place):
                    return True
                if view.find(place) is not None:
                    break
        return False

    def resolve(self, view: RunView) -> Resolved:
        """Return the geometry that a run's documents tell now.

        Raises:
            GeometryError: If a field is missing, has no number or no certain unit, two places that must
                agree do not, or the values make no geometry.
        """
        return resolve(self, view)

    def resolve_documents(self, documents: Iterable[tuple[str, Mapping[str, Any]]]) -> Resolved:
        """Return the geometry that the documents of one run tell at its end.

        Raises:
            GeometryError: As :meth:`resolve`.
        """
        view = RunView({}, self.keys)
        for name, doc in documents:
            if name == "start":
                view = RunView(doc, self.keys)
            elif name == "descriptor":
                view.take_descriptor(doc)
            elif name == "event":
                view.take_event(doc)
        return self.resolve(view)


def _check(what: str, places: Iterable[Place], unit: str) -> None:
    """Check that what places declare converts to ``unit``, where that is one.

    Raises:
        ValueError: It does not, or is unknown.
    """
    for place in places:
        if place.unit is None or not unit:
            continue
        try:
            units.magnitude(1.0, place.unit, unit=unit)
        except units.UnitError as error:
            raise ValueError(f"{what} from {place}: {error}") from error


def _lists(source: GeometrySource) -> Iterator[tuple[Place, ...]]:
    yield from source.fields.values()
    for shift in source.shifts.values():
        yield shift.places
        yield shift.reference_places


def _all(source: GeometrySource) -> Iterator[Place]:
    for places in (*_lists(source), source.wavelength, *(each.places for each in source.requires)):
        yield from places
