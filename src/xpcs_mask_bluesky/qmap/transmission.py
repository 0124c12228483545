# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Coordinates that need no surface: what follows from the lab vector alone. Maps are ``(rows, columns)``."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from xpcs_mask_bluesky.qmap.arctangent import arctangent
from xpcs_mask_bluesky.qmap.lab import Geometry, lab_vector, row_numbers


def q_magnitude(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q = 2k\sin\theta` at each pixel centre, in Å⁻¹.

    With :math:`r^2 = X^2 + Y^2` and :math:`L^2 = r^2 + Z^2`,
    :math:`\sin^2\theta = (L - Z) / 2L = r^2 / 2L(L + Z)`: the second form keeps its digits near the
    beam, where :math:`1 - \cos 2\theta` loses them all; the first is for pixels behind the sample, as
    :math:`(L - Z)^2 / 2L(L - Z)`.
    """
    x, y, z = lab_vector(geometry, shape)
    r_squared = x * x + y * y
    length = jnp.sqrt(r_squared + z * z)
    ahead = length + jnp.abs(z)
    twice_sine_squared = jnp.where(z >= 0, r_squared, ahead * ahead) / (length * ahead)
    return geometry.wavenumber * jnp.sqrt(2 * twice_sine_squared)


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
    return -jnp.degrees(arctangent(y, x))


def scattering_angle(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`2\theta = \mathrm{atan2}(\sqrt{X^2 + Y^2}, Z)` in degrees."""
    x, y, z = lab_vector(geometry, shape)
    return jnp.degrees(arctangent(jnp.sqrt(x * x + y * y), z))


def column_index(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    """Return each pixel's column, in px."""
    del geometry
    return jnp.broadcast_to(jnp.arange(shape[1], dtype=float)[None, :], shape)


def row_index(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    """Return each pixel's row, in px."""
    return jnp.broadcast_to(row_numbers(geometry, shape)[:, None], shape)
