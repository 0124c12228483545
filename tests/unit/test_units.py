"""Spellings of real control systems, and what is refused."""

import pytest

from xpcs_mask_bluesky.units import UnitError, magnitude, same_unit, wavelength


@pytest.mark.parametrize(
    ("reading", "declared", "unit", "expected"),
    [
        (10.0, "KeV", "keV", 10.0),
        (9000.0, "eV", "keV", 9.0),
        (2200.0, "mm", "m", 2.2),
        (75.0, "µm", "m", 75e-6),
        (75.0, "um", "m", 75e-6),
        (3.5, "pixels", "px", 3.5),
        (90.0, "degrees", "deg", 90.0),
        (1.24, "Angstro", "angstrom", 1.24),
        (0.124, "nm", "angstrom", 1.24),
        (1.24, "A", "angstrom", 1.24),
        (1.24, "Angs", "angstrom", 1.24),
        (75.0, "micrometers", "m", 75e-6),
        (3.5, "px", "px", 3.5),
        (2.0, "MeV", "keV", 2000.0),
        (2.0, "meV", "keV", 2e-6),
        (5.0, " mm ", "m", 5e-3),
        (1.0, "mrad", "deg", 0.18 / 3.141592653589793),
        (90.0, "°", "deg", 90.0),
        (0.0, "rad", "deg", 0.0),
    ],
)
def test_a_declared_unit_is_converted(reading, declared, unit, expected):
    assert magnitude(reading, declared, unit=unit) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("declared", [None, "", "furlongs per", "mm", "(", "1/0", "\n"])
def test_what_is_no_energy_is_refused(declared):
    with pytest.raises(UnitError):
        magnitude(1.0, declared, unit="keV")


def test_spellings_of_one_unit_are_the_same_and_multiples_are_not():
    assert same_unit("KeV", "keV")
    assert same_unit("Angstroms", "Å")
    assert not same_unit("eV", "keV")
    assert not same_unit("mm", "keV")


def test_wavelength_follows_codata():
    assert wavelength(incident_energy=8.0) == 12.398419843320026 / 8.0
