# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""The geometry as JAX traces it, and the lab vector of each pixel.

.. math:: (X, Y, Z) = R_y(h)\,R_x(v)\,[(0, 0, d) + R_z(roll)\,R_x(pitch)\,R_y(yaw)\,(x, y, 0)]
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.geometry import UP

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Tilt:
    """Rotations of the detector's plane about the direct beam's point, in radians."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Film:
    """A refractive index 1 - delta + i beta."""

    delta: float
    beta: float


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Surface:
    """The reflecting surface."""

    incident_angle: float
    """In radians."""
    up_x: float
    """X of the direction in the picture to which the normal leans: -1, 0 or 1."""
    up_y: float
    """Y of it."""
    film: Film | None = None


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The numbers of a :class:`GeometryRecord` as a pytree: traced, so a new one compiles nothing.

    What a geometry lacks (tilt, surface, film) is None, so that it costs nothing either.
    """

    wavenumber: float
    """Of the incident beam, in Å⁻¹."""
    distance: float
    """Sample to detector, in m."""
    beam_center_x: float
    """Column of the direct beam at zero swing, in px."""
    beam_center_y: float
    """Row of the direct beam at zero swing, in px."""
    x_pixel_size: float
    """In m."""
    y_pixel_size: float
    """In m."""
    swing_horizontal: float
    """In radians."""
    swing_vertical: float
    """In radians."""
    tilt: Tilt | None = None
    surface: Surface | None = None
    first_row: float = 0.0
    """Of the part of the detector that is computed."""

    @classmethod
    def from_record(cls, record: GeometryRecord) -> Geometry:
        """Return the pytree of a validated record."""
        return cls(
            wavenumber=units.wavenumber(incident_energy=record.incident_energy),
            distance=record.distance,
            beam_center_x=record.beam_center_x,
            beam_center_y=record.beam_center_y,
            x_pixel_size=record.x_pixel_size,
            y_pixel_size=record.y_pixel_size,
            swing_horizontal=math.radians(record.swing_angle_horizontal),
            swing_vertical=math.radians(record.swing_angle_vertical),
            tilt=_tilt(record) if record.is_tilted else None,
            surface=_surface(record),
        )


def _tilt(record: GeometryRecord) -> Tilt:
    return Tilt(
        pitch=math.radians(record.tilt_pitch),
        yaw=math.radians(record.tilt_yaw),
        roll=math.radians(record.tilt_roll),
    )


def _surface(record: GeometryRecord) -> Surface | None:
    if record.incident_angle is None:
        return None
    up_x, up_y = UP[record.orientation]
    film = None if record.delta is None else Film(delta=record.delta, beta=record.beta or 0.0)
    angle = math.radians(record.incident_angle)
    return Surface(incident_angle=angle, up_x=up_x, up_y=up_y, film=film)


def row_numbers(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    """Return the index of each row, from the first one that is computed."""
    return jnp.arange(shape[0], dtype=float) + geometry.first_row


def lab_vector(geometry: Geometry, shape: tuple[int, int]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return X, Y, Z of each pixel centre in m, each ``(rows, columns)``; row 0 on top, Y downwards."""
    x = (jnp.arange(shape[1], dtype=float) - geometry.beam_center_x) * geometry.x_pixel_size
    y = (row_numbers(geometry, shape) - geometry.beam_center_y) * geometry.y_pixel_size
    x, y, z = x[None, :], y[:, None], geometry.distance
    if geometry.tilt is not None:
        x, y, off_plane = _tilted(geometry.tilt, x, y)
        z = z + off_plane
    cos_h, sin_h = jnp.cos(geometry.swing_horizontal), jnp.sin(geometry.swing_horizontal)
    cos_v, sin_v = jnp.cos(geometry.swing_vertical), jnp.sin(geometry.swing_vertical)
    lab_y = cos_v * y - sin_v * z
    forward = sin_v * y + cos_v * z
    lab_x = cos_h * x - sin_h * forward
    lab_z = sin_h * x + cos_h * forward
    return lab_x, jnp.broadcast_to(lab_y, lab_x.shape), lab_z


def _tilted(tilt: Tilt, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    cos_y, sin_y = jnp.cos(tilt.yaw), jnp.sin(tilt.yaw)
    cos_p, sin_p = jnp.cos(tilt.pitch), jnp.sin(tilt.pitch)
    cos_r, sin_r = jnp.cos(tilt.roll), jnp.sin(tilt.roll)
    across, along = cos_y * x, sin_y * x
    down = cos_p * y - sin_p * along
    along = sin_p * y + cos_p * along
    return cos_r * across - sin_r * down, sin_r * across + cos_r * down, along
