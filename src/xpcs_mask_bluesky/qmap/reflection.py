# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""Coordinates of a reflecting surface, exact. Maps are ``(rows, columns)``.

With the pixel's direction :math:`\hat s = k_f / k`, the surface normal
:math:`\hat n = \cos\alpha_i\,\hat u - \sin\alpha_i\,\hat z` (:math:`\hat u` by the orientation), the beam's
projection on the surface :math:`\hat e = \cos\alpha_i\,\hat z + \sin\alpha_i\,\hat u` and
:math:`\hat w` across, everything is a component of :math:`\hat s` or of :math:`k_f - k_i`. The small-angle
form :math:`\alpha_f = \arctan(v/d) - \alpha_i` errs by percents at a corner.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from xpcs_mask_bluesky.qmap.arctangent import arctangent
from xpcs_mask_bluesky.qmap.lab import Film, Geometry, Surface, lab_vector


class _Rays(NamedTuple):
    """Components of each pixel's direction, and of the incident beam."""

    up: jax.Array
    across: jax.Array
    forward: jax.Array
    lag: jax.Array
    """1 - forward, without losing its digits near the beam."""
    sine: jax.Array
    """Of the incident angle."""
    cosine: jax.Array
    film: Film | None

    @property
    def exit_sine(self) -> jax.Array:
        """Sine of the exit angle: the component along the surface normal."""
        return self.cosine * self.up - self.sine * self.forward


def _surface(geometry: Geometry) -> Surface:
    if geometry.surface is None:
        raise ValueError("this geometry has no incident angle: it is transmission")
    return geometry.surface


def _rays(geometry: Geometry, shape: tuple[int, int]) -> _Rays:
    surface = _surface(geometry)
    x, y, z = lab_vector(geometry, shape)
    r_squared = x * x + y * y
    length = jnp.sqrt(r_squared + z * z)
    ahead = length + jnp.abs(z)
    both = 1 / (length * ahead)  # one division for all that is divided by either
    inverse = ahead * both
    return _Rays(
        up=(surface.up_x * x + surface.up_y * y) * inverse,
        across=(surface.up_x * y - surface.up_y * x) * inverse,
        forward=z * inverse,
        lag=jnp.where(z >= 0, r_squared, ahead * ahead) * both,
        sine=jnp.sin(surface.incident_angle),
        cosine=jnp.cos(surface.incident_angle),
        film=surface.film,
    )


def q_along(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_x = k(\hat s\cdot\hat e - \cos\alpha_i)`, along the beam's projection, in Å⁻¹."""
    rays = _rays(geometry, shape)
    return geometry.wavenumber * (rays.sine * rays.up - rays.cosine * rays.lag)


def q_across(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_y = k\,\hat s\cdot\hat w` in Å⁻¹; for orientation 0 to larger columns."""
    return geometry.wavenumber * _rays(geometry, shape).across


def q_normal(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_z = k(\sin\alpha_f + \sin\alpha_i)`, along the normal, in vacuum, in Å⁻¹."""
    rays = _rays(geometry, shape)
    return geometry.wavenumber * (rays.cosine * rays.up + rays.sine * rays.lag)


def q_in_plane(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`q_r = \sqrt{q_x^2 + q_y^2}`, along the surface, in Å⁻¹."""
    along, across = q_along(geometry, shape), q_across(geometry, shape)
    return jnp.sqrt(along * along + across * across)


def exit_angle(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`\alpha_f`, of the scattered ray above the surface, in degrees: ±90."""
    normal, along, across = _in_surface_frame(geometry, shape)
    return jnp.degrees(arctangent(normal, jnp.sqrt(along * along + across * across)))


def in_plane_angle(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return the angle of the ray's projection on the surface to the beam's, in degrees: ±180."""
    _, along, across = _in_surface_frame(geometry, shape)
    return jnp.degrees(arctangent(across, along))


def _in_surface_frame(geometry: Geometry, shape: tuple[int, int]) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return each pixel's lab vector along the normal, the beam's projection and across, in m."""
    surface = _surface(geometry)
    x, y, z = lab_vector(geometry, shape)
    sine, cosine = jnp.sin(surface.incident_angle), jnp.cos(surface.incident_angle)
    up = surface.up_x * x + surface.up_y * y
    across = surface.up_x * y - surface.up_y * x
    return cosine * up - sine * z, cosine * z + sine * up, across


def q_normal_in_film(geometry: Geometry, shape: tuple[int, int]) -> jax.Array:
    r"""Return :math:`\mathrm{Re}\,k[\sqrt{\sin^2\alpha_i - s^2} + \sqrt{\sin^2\alpha_f - s^2}]` in Å⁻¹.

    :math:`s^2 = 1 - (1 - \delta + i\beta)^2`. NaN below the horizon, so that no bin takes such a pixel.
    """
    rays = _rays(geometry, shape)
    if rays.film is None:
        raise ValueError("this geometry has no delta: nothing refracts")
    exit_sine = rays.exit_sine
    inside = _refracted(rays.sine * rays.sine, rays.film) + _refracted(exit_sine * exit_sine, rays.film)
    return jnp.where(exit_sine >= 0, geometry.wavenumber * inside, jnp.nan)


def _refracted(sine_squared: jax.Array, film: Film) -> jax.Array:
    r"""Return the real part of :math:`\sqrt{a + ib}`, the normal component in the film over k.

    Below the critical angle a < 0, and :math:`|b| / \sqrt{2(|a + ib| - a)}` keeps its digits.
    """
    a = sine_squared - film.delta * (2 - film.delta) - film.beta * film.beta
    b = 2 * (1 - film.delta) * film.beta
    size = jnp.sqrt(a * a + b * b)
    below = b / jnp.sqrt(2 * jnp.where(a < 0, size - a, 1.0))
    return jnp.where(a < 0, below, jnp.sqrt(jnp.where(a < 0, 0.0, size + a) / 2))
