"""Powders whose rings are known: d-spacings from package data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources
from itertools import product
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class Calibrant:
    """A powder, and the lattice planes that give its rings."""

    name: str
    source: str
    """Whose table the numbers are."""
    d_spacings: tuple[float, ...]
    """In Å, falling."""

    @property
    def q(self) -> tuple[float, ...]:
        r"""Ring positions :math:`q = 2\pi / d`, in Å⁻¹, rising."""
        return tuple(2 * math.pi / d for d in self.d_spacings)

    @classmethod
    def named(cls, name: str, *, smallest: float = 0.5) -> Calibrant:
        """Return a calibrant of the package, with its d-spacings down to ``smallest`` Å.

        Raises:
            ValueError: there is no such calibrant, naming those that there are.
        """
        table = _table()
        if name not in table:
            raise ValueError(f"no calibrant {name!r}; there is {', '.join(sorted(table))}")
        entry = table[name]
        spacings = {"lamellar": _lamellar, "cubic": _cubic}[entry["lattice"]](entry["period"], smallest)
        return cls(name=name, source=entry["source"], d_spacings=tuple(spacings))


def _table() -> dict[str, Any]:
    return yaml.safe_load(
        resources.files("xpcs_mask_bluesky.calibrate").joinpath("calibrants.yaml").read_text()
    )


def _lamellar(period: float, smallest: float) -> list[float]:
    return [period / order for order in range(1, int(period / smallest) + 1)]


def _cubic(period: float, smallest: float) -> list[float]:
    """Return a / √(h² + k² + l²) for all planes of a primitive cubic lattice, each value once."""
    most = int(period / smallest)
    sums = {h * h + k * k + m * m for h, k, m in product(range(most + 1), repeat=3)} - {0}
    return [period / math.sqrt(total) for total in sorted(sums) if total <= (period / smallest) ** 2]
