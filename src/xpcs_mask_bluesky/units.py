# pint's registry is generic in a way that nothing here depends on.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeArgument=false, reportUnknownParameterType=false
"""Declared units to ours, and the one constant that ties energy to wavelength.

Ours are keV, m, px, deg and Å. A unit is read, never assumed; the spellings of real control systems
(`KeV`, `pixels`, `Angstro`, cut at 8 bytes by Channel Access) are known by an explicit table, because
a general parser rejects some of them and misreads others (`A` is an ampere, `px` a CSS length).
"""

from __future__ import annotations

import functools
import math
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pint

HC = 12.398419843320026
"""Planck constant times speed of light, in keV Å (exact since the SI of 2019; CODATA)."""

_SPELLINGS = {
    "": "dimensionless",
    "1": "dimensionless",
    "ev": "eV",
    "kev": "keV",
    "å": "angstrom",
    "a": "angstrom",
    "ang": "angstrom",
    "angs": "angstrom",
    "angstro": "angstrom",
    "angstrom": "angstrom",
    "angstroms": "angstrom",
    "px": "pixel",
    "pix": "pixel",
    "pixel": "pixel",
    "pixels": "pixel",
    "deg": "degree",
    "degs": "degree",
    "degree": "degree",
    "degrees": "degree",
    "°": "degree",
    "mrad": "milliradian",
    "rad": "radian",
    "radian": "radian",
    "radians": "radian",
    "µm": "micrometer",
    "μm": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "micrometer": "micrometer",
    "micrometers": "micrometer",
    "mm": "millimeter",
    "millimeter": "millimeter",
    "millimeters": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "meter": "meter",
    "meters": "meter",
    "nm": "nanometer",
}

_CASE_MATTERS = {"MeV": "MeV", "meV": "meV", "Mm": "megameter"}

_DIMENSIONS = {
    "dimensionless": "a number",
    "[length]": "a length",
    "[mass] * [length] ** 2 / [time] ** 2": "an energy",
    "[time]": "a time",
    "[temperature]": "a temperature",
    "[current]": "a current",
    "[printing_unit]": "pixels",
}
"""What pint says of a unit, in words."""

# What pint's parser raises on a text that is no unit at all, such as "A/" or "(".
_UNREADABLE = (
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    SyntaxError,
    ArithmeticError,
    tokenize.TokenError,
)


class UnitError(ValueError):
    """A reading has no unit, an unknown unit, or one of another dimension."""


@functools.cache
def _registry() -> pint.UnitRegistry:
    import pint

    return pint.UnitRegistry(cache_folder=None)


def _canonical(declared: str) -> str:
    text = declared.strip()
    return _CASE_MATTERS.get(text) or _SPELLINGS.get(text.casefold(), text)


def magnitude(reading: float, declared: str | None, *, unit: str) -> float:
    """Return ``reading`` in ``unit``, trusting only the unit it declares.

    Args:
        reading: The number as it came.
        declared: The unit that came with it, in any spelling of the alias table or of pint.
        unit: The unit wanted: ``"keV"``, ``"m"``, ``"px"``, ``"deg"``, ``"angstrom"`` or ``"1"``.

    Raises:
        UnitError: Without a declared unit, with an unknown one, or one of another dimension.
    """
    if declared is None or not declared.strip():
        raise UnitError(f"{reading} declares no unit; expected one that converts to {unit!r}")
    source, target = _canonical(declared), _canonical(unit)
    if source == target:
        return float(reading)
    return float(reading) * _factor(source, target, declared)


@functools.lru_cache(maxsize=256)
def _factor(source: str, target: str, declared: str) -> float:
    import pint

    registry = _registry()
    try:
        return float(registry.Quantity(1.0, source).to(target).magnitude)
    except pint.UndefinedUnitError as error:
        raise UnitError(f"unit {declared!r} is unknown; expected one like {target!r}") from error
    except pint.DimensionalityError as error:
        raise UnitError(
            f"unit {declared!r} measures {_DIMENSIONS.get(str(error.dim1), str(error.dim1))}; "
            f"expected one that converts to {target!r}"
        ) from error
    except _UNREADABLE as error:
        raise UnitError(f"unit {declared!r} cannot be read; expected one like {target!r}") from error


def same_unit(first: str, second: str) -> bool:
    """Return whether two spellings mean the same unit, so that ``"KeV"`` equals ``"keV"``.

    Raises:
        UnitError: If one of them is unknown.
    """
    source, target = _canonical(first), _canonical(second)
    if source == target:
        return True
    try:
        return math.isclose(_factor(source, target, first), 1.0, rel_tol=1e-12)
    except UnitError:
        _factor(source, source, first)  # an unknown spelling is an error, another dimension is not
        _factor(target, target, second)
        return False


def wavelength(*, incident_energy: float) -> float:
    r"""Return :math:`\lambda = hc / E` in Å, for an energy in keV."""
    return HC / incident_energy


def wavenumber(*, incident_energy: float) -> float:
    r"""Return :math:`k = 2\pi E / hc` in Å⁻¹, for an energy in keV."""
    return 2 * math.pi * incident_energy / HC
