# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The maps by name: :class:`QMap`, computed when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import jax
import numpy as np

from xpcs_mask_bluesky.qmap import reflection, transmission
from xpcs_mask_bluesky.qmap.lab import Geometry
from xpcs_mask_bluesky.qmap.rows import WIDE, Rows, by_rows, keep_freed_memory, rows_at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

    MapFunction = Callable[[Geometry, tuple[int, int]], jax.Array]

DOUBLE = 8
"""Bytes of a pixel of a map."""
UNITS: Mapping[str, str] = MappingProxyType(
    {
        "q": "Å⁻¹",
        "qr": "Å⁻¹",
        "qx": "Å⁻¹",
        "qy": "Å⁻¹",
        "qz": "Å⁻¹",
        "qz_film": "Å⁻¹",
        "phi": "deg",
        "two_theta": "deg",
        "alpha_f": "deg",
        "tth": "deg",
        "x": "px",
        "y": "px",
    }
)
"""Every axis that a Q-map may have, with the unit of its values."""

_IN_TRANSMISSION: Mapping[str, MapFunction] = MappingProxyType(
    {
        "q": transmission.q_magnitude,
        "qr": transmission.q_transverse,
        "qx": transmission.q_horizontal,
        "qy": transmission.q_vertical,
        "phi": transmission.azimuth,
        "two_theta": transmission.scattering_angle,
        "x": transmission.column_index,
        "y": transmission.row_index,
    }
)
_IN_REFLECTION: Mapping[str, MapFunction] = MappingProxyType(
    {
        **_IN_TRANSMISSION,
        "qr": reflection.q_in_plane,
        "qx": reflection.q_along,
        "qy": reflection.q_across,
        "qz": reflection.q_normal,
        "alpha_f": reflection.exit_angle,
        "tth": reflection.in_plane_angle,
    }
)
_IN_A_FILM: Mapping[str, MapFunction] = MappingProxyType(
    {**_IN_REFLECTION, "qz_film": reflection.q_normal_in_film}
)


def map_functions(geometry: Geometry) -> Mapping[str, MapFunction]:
    """Return the function of each axis that a geometry has: refraction's only with a film."""
    if geometry.surface is None:
        return _IN_TRANSMISSION
    return _IN_REFLECTION if geometry.surface.film is None else _IN_A_FILM


@partial(jax.jit, static_argnames=("axis", "shape"), compiler_options=WIDE)
def _compiled(geometry: Geometry, *, axis: str, shape: tuple[int, int]) -> jax.Array:
    # one program for each axis: together, the compiler rounds otherwise than alone
    return map_functions(geometry)[axis](geometry, shape)


def q_maps(geometry: Geometry, axes: Sequence[str], shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return several maps of one geometry, read-only.

    Each is compiled once for a shape; another geometry of that shape compiles nothing.

    Raises:
        KeyError: If there is no such axis, naming those that there are.
    """
    there = map_functions(geometry)
    for axis in axes:
        if axis not in there:
            raise KeyError(f"no axis {axis!r}; this Q-map has {', '.join(there)}")
    whole = rows_at_once(shape, DOUBLE) == shape[0]
    maps = (_at_once if whole else _in_blocks)(geometry, axes, shape)
    for each in maps:
        each.flags.writeable = False
    return maps


def _at_once(geometry: Geometry, axes: Sequence[str], shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    with jax.enable_x64(True):  # float32 would blur neighbouring bin edges
        dispatched = [_compiled(geometry, axis=axis, shape=shape) for axis in axes]
        return tuple(np.asarray(each) for each in dispatched)


def _in_blocks(geometry: Geometry, axes: Sequence[str], shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    maps = tuple(np.empty(shape) for _ in axes)
    size = rows_at_once(shape, DOUBLE), shape[1]

    def fill(rows: Rows) -> None:
        part = replace(geometry, first_row=float(rows.computed.start))
        for each, block in zip(maps, _at_once(part, axes, size), strict=True):
            each[rows.wanted] = block[rows.of_block]

    keep_freed_memory()
    by_rows(fill, shape, size[0])
    return maps


def values_at(record: GeometryRecord, axis: str, pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return one map's values at pixels given by their flat index, without the blocks that hold none."""
    geometry, shape = Geometry.from_record(record), record.shape
    size = rows_at_once(shape, DOUBLE)
    values = np.empty(len(pixels))
    numbers = pixels // (size * shape[1])
    for number in np.unique(numbers):
        rows = Rows.beginning(int(number) * size, shape[0], size).computed
        part = replace(geometry, first_row=float(rows.start))
        (block,) = _at_once(part, (axis,), (size, shape[1]))
        here = numbers == number
        values[here] = block.ravel()[pixels[here] - rows.start * shape[1]]
    return values


class QMap(Mapping[str, np.ndarray]):
    """The maps of one geometry: read-only float64 ``(rows, columns)``, computed when first asked for.

    In reflection ``qx``, ``qy``, ``qz`` and ``qr`` are those of the surface, and ``alpha_f`` and ``tth``
    are there; ``qz_film`` only with ``delta``.
    """

    def __init__(self, record: GeometryRecord) -> None:
        self.record = record
        self._geometry = Geometry.from_record(record)
        self._maps: dict[str, np.ndarray] = {}

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the maps that this geometry has."""
        return tuple(axis for axis in UNITS if axis in map_functions(self._geometry))

    @property
    def units(self) -> Mapping[str, str]:
        """The unit of each map."""
        return MappingProxyType({axis: UNITS[axis] for axis in self.axes})

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.record.shape

    def __getitem__(self, axis: str) -> np.ndarray:
        """Return one map, read-only.

        Raises:
            KeyError: If there is no such axis, naming those that there are.
        """
        if axis not in self._maps:
            self.compute(axis)
        return self._maps[axis]

    def compute(self, *axes: str) -> QMap:
        """Compute several maps at once, faster than one by one; without names, all. Returns itself.

        Raises:
            KeyError: If there is no such axis, naming those that there are.
        """
        missing = [axis for axis in axes or self.axes if axis not in self._maps]
        if missing:
            self._maps |= dict(zip(missing, q_maps(self._geometry, missing, self.shape), strict=True))
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self.axes)

    def __len__(self) -> int:
        return len(self.axes)

    def __repr__(self) -> str:
        return f"QMap({', '.join(self)}; {self.shape[0]}×{self.shape[1]}; {self.record.digest[:8]})"


def q_map(record: GeometryRecord) -> QMap:
    """Return the Q-map of a geometry: ``qmap["q"]`` in Å⁻¹, ``qmap["phi"]`` in degrees, and so on."""
    return QMap(record)
