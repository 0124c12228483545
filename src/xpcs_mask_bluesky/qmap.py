# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""Scattering coordinates of every pixel, compiled by JAX, in float64.

The lab vector of a pixel is :math:`(X, Y, Z) = R_y(h)\,R_x(v)\,(x, y, d)` (see ``geometry``);
everything here follows from it. Maps are ``(rows, columns)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from xpcs_mask_bluesky import units

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "q": "Å⁻¹",
        "qr": "Å⁻¹",
        "qx": "Å⁻¹",
        "qy": "Å⁻¹",
        "phi": "deg",
        "two_theta": "deg",
        "x": "px",
        "y": "px",
    }
)
"""Axes of a Q-map in transmission, each with the unit of its values."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The numbers of a :class:`GeometryRecord` as a pytree: traced, so a new one compiles nothing."""

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
        )


def lab_vector(geometry: Geometry, shape: tuple[int, int]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return X, Y, Z of each pixel centre in m, each ``(rows, columns)``; row 0 on top, Y downwards."""
    x = (jnp.arange(shape[1], dtype=float) - geometry.beam_center_x) * geometry.x_pixel_size
    y = (jnp.arange(shape[0], dtype=float) - geometry.beam_center_y) * geometry.y_pixel_size
    x, y = x[None, :], y[:, None]
    cos_h, sin_h = jnp.cos(geometry.swing_horizontal), jnp.sin(geometry.swing_horizontal)
    cos_v, sin_v = jnp.cos(geometry.swing_vertical), jnp.sin(geometry.swing_vertical)
    lab_y = cos_v * y - sin_v * geometry.distance
    forward = sin_v * y + cos_v * geometry.distance
    lab_x = cos_h * x - sin_h * forward
    lab_z = sin_h * x + cos_h * forward
    return lab_x, jnp.broadcast_to(lab_y, lab_x.shape), lab_z


def q_magnitude(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q = 2k\sin\theta` at each pixel centre, in Å⁻¹.

    With :math:`r^2 = X^2 + Y^2` and :math:`L^2 = r^2 + Z^2`,
    :math:`\sin^2\theta = (L - Z) / 2L = r^2 / 2L(L + Z)`: the second form keeps its digits near the
    beam, where :math:`1 - \cos 2\theta` loses them all; the first is for pixels behind the sample.
    """
    x, y, z = lab_vector(geometry, shape)
    r_squared = x * x + y * y
    length = jnp.sqrt(r_squared + z * z)
    ahead = r_squared / (length + jnp.abs(z))
    sine_squared = jnp.where(z >= 0, ahead, length - z) / (2 * length)
    return 2 * geometry.wavenumber * jnp.sqrt(sine_squared)


def q_transverse(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_r = k\sin 2\theta = k r / L` at each pixel centre, in Å⁻¹."""
    x, y, z = lab_vector(geometry, shape)
    r_squared = x * x + y * y
    return geometry.wavenumber * jnp.sqrt(r_squared / (r_squared + z * z))


def q_horizontal(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_x = q_r\cos\varphi = k X / L`, in Å⁻¹."""
    x, y, z = lab_vector(geometry, shape)
    return geometry.wavenumber * x / jnp.sqrt(x * x + y * y + z * z)


def q_vertical(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_y = q_r\sin\varphi = -k Y / L`, in Å⁻¹: up is positive."""
    x, y, z = lab_vector(geometry, shape)
    return -geometry.wavenumber * y / jnp.sqrt(x * x + y * y + z * z)


def azimuth(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`\varphi = -\mathrm{atan2}(Y, X)` in degrees: up is +90."""
    x, y, _ = lab_vector(geometry, shape)
    return -jnp.degrees(jnp.arctan2(y, x))


def scattering_angle(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`2\theta = \mathrm{atan2}(\sqrt{X^2 + Y^2}, Z)` in degrees."""
    x, y, z = lab_vector(geometry, shape)
    return jnp.degrees(jnp.arctan2(jnp.sqrt(x * x + y * y), z))


def column_index(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    """Return each pixel's column, in px."""
    del geometry
    return jnp.broadcast_to(jnp.arange(shape[1], dtype=float)[None, :], shape)


def row_index(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    """Return each pixel's row, in px."""
    del geometry
    return jnp.broadcast_to(jnp.arange(shape[0], dtype=float)[:, None], shape)


_MAPS = {
    "q": q_magnitude,
    "qr": q_transverse,
    "qx": q_horizontal,
    "qy": q_vertical,
    "phi": azimuth,
    "two_theta": scattering_angle,
    "x": column_index,
    "y": row_index,
}


@partial(jax.jit, static_argnames=("name", "shape"))
def _compiled(geometry: Geometry, *, name: str, shape: tuple[int, int]) -> jax.Array:
    return _MAPS[name](geometry, shape)


class QMap(Mapping[str, np.ndarray]):
    """The maps of one geometry: read-only float64 ``(rows, columns)``, computed when first asked for."""

    units = UNITS

    def __init__(self, record: GeometryRecord) -> None:
        self.record = record
        self._geometry = Geometry.from_record(record)
        self._maps: dict[str, np.ndarray] = {}

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the maps."""
        return tuple(UNITS)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.record.shape

    def __getitem__(self, axis: str) -> np.ndarray:
        """Return one map, read-only.

        Raises:
            KeyError: If there is no such axis, naming those that there are.
        """
        if axis not in UNITS:
            raise KeyError(f"no axis {axis!r}; this Q-map has {', '.join(UNITS)}")
        if axis not in self._maps:
            self._maps[axis] = self._compute(axis)
        return self._maps[axis]

    def _compute(self, axis: str) -> np.ndarray:
        with jax.enable_x64(True):  # float32 would blur neighbouring bin edges
            values = np.asarray(_compiled(self._geometry, name=axis, shape=self.shape))
        values.flags.writeable = False
        return values

    def __iter__(self) -> Iterator[str]:
        return iter(UNITS)

    def __len__(self) -> int:
        return len(UNITS)

    def __repr__(self) -> str:
        return f"QMap({', '.join(UNITS)}; {self.shape[0]}×{self.shape[1]}; {self.record.digest[:8]})"


def q_map(record: GeometryRecord) -> QMap:
    """Return the Q-map of a geometry: ``qmap["q"]`` in Å⁻¹, ``qmap["phi"]`` in degrees, and so on."""
    return QMap(record)
