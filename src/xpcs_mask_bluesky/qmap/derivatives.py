# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""How each pixel's coordinate follows each number of the geometry: exact derivatives by JAX."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.qmap.lab import Geometry, Tilt
from xpcs_mask_bluesky.qmap.maps import map_functions

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord

_DEGREE = math.pi / 180
PARAMETERS: Mapping[str, tuple[tuple[str, ...], float]] = MappingProxyType(
    {
        "incident_energy": (("wavenumber",), units.wavenumber(incident_energy=1.0)),
        "distance": (("distance",), 1.0),
        "beam_center_x": (("beam_center_x",), 1.0),
        "beam_center_y": (("beam_center_y",), 1.0),
        "x_pixel_size": (("x_pixel_size",), 1.0),
        "y_pixel_size": (("y_pixel_size",), 1.0),
        "swing_angle_horizontal": (("swing_horizontal",), _DEGREE),
        "swing_angle_vertical": (("swing_vertical",), _DEGREE),
        "tilt_pitch": (("tilt", "pitch"), _DEGREE),
        "tilt_yaw": (("tilt", "yaw"), _DEGREE),
        "tilt_roll": (("tilt", "roll"), _DEGREE),
        "incident_angle": (("surface", "incident_angle"), _DEGREE),
        "delta": (("surface", "film", "delta"), 1.0),
        "beta": (("surface", "film", "beta"), 1.0),
    }
)
"""Of each field of a record that a coordinate may follow: its leaf of the pytree, and that leaf's change
for one unit of the field."""


def q_derivatives(
    record: GeometryRecord, parameters: Sequence[str] | None = None, *, axis: str = "q"
) -> dict[str, np.ndarray]:
    """Return the derivative of a coordinate by each parameter, each ``(rows, columns)`` float64.

    In units of the axis per unit of the field: Å⁻¹ per keV, m, px or degree. Where there is none it is
    NaN or infinite: q has a cusp at the direct beam, ``qz_film`` a kink at the critical angle.

    Args:
        record: The geometry.
        parameters: Fields of the record; all that it has by default (a tilt of 0 is one).
        axis: Of the Q-map.

    Raises:
        ValueError: If the geometry has no such axis or parameter, naming those that there are.
    """
    geometry = Geometry.from_record(record)
    if geometry.tilt is None:
        geometry = replace(geometry, tilt=Tilt())
    if axis not in map_functions(geometry):
        raise ValueError(f"no axis {axis!r}; this geometry has {', '.join(map_functions(geometry))}")
    there = [name for name, (leaf, _) in PARAMETERS.items() if _at(geometry, leaf) is not None]
    for name in parameters or ():
        if name not in there:
            raise ValueError(f"no parameter {name!r}; this geometry has {', '.join(there)}")
    return {name: _derivative(geometry, name, axis, record.shape) for name in parameters or there}


def _derivative(geometry: Geometry, name: str, axis: str, shape: tuple[int, int]) -> np.ndarray:
    with jax.enable_x64(True):
        values = np.asarray(_compiled(geometry, name=name, axis=axis, shape=shape))
    values.flags.writeable = False
    return values


@partial(jax.jit, static_argnames=("name", "axis", "shape"))
def _compiled(geometry: Geometry, *, name: str, axis: str, shape: tuple[int, int]) -> jax.Array:
    leaf, step = PARAMETERS[name]

    def coordinate(value: float) -> jax.Array:
        return map_functions(geometry)[axis](_with(geometry, leaf, value), shape)

    value = jax.numpy.asarray(_at(geometry, leaf), dtype=float)
    return jax.jvp(coordinate, (value,), (jax.numpy.full_like(value, step),))[1]


def _at(node: Any, leaf: tuple[str, ...]) -> Any:
    for name in leaf:
        node = getattr(node, name, None)
    return node


def _with(node: Any, leaf: tuple[str, ...], value: Any) -> Any:
    first, *rest = leaf
    inner = _with(getattr(node, first), tuple(rest), value) if rest else value
    return replace(node, **{first: inner})
