# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Compiled kernels that put each pixel into a bin where single precision suffices to tell which.

A pixel too near to a threshold gets :data:`UNDECIDED` (of its type), and double precision decides. What
depends on one row or one column only comes as a vector, made in double precision, so that single
precision never meets a difference of large numbers. All numbers are traced: a new geometry compiles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ARCTANGENT = (
    0.99999998179, -0.33333036709, 0.19991872029, -0.14197797793, 0.10618370631,
    -0.07456854814, 0.04213762345, -0.01573124904, 0.00276628348,
)  # fmt: skip
"""Coefficients of arctan(t) / t in powers of t², |t| ≤ 1: a Chebyshev interpolation, off by < 1e-8."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Rays:
    """Where pixels lie as seen from the beam, in single precision.

    ``X = across_column + across_row``, ``Y = down_row``, ``Z = along_column + along_row`` is the lab
    vector in m, and ``flat_column + flat_row`` its squared length, in m².
    """

    across_column: ArrayLike
    across_row: ArrayLike
    down_row: ArrayLike
    along_column: ArrayLike
    along_row: ArrayLike
    flat_column: ArrayLike
    flat_row: ArrayLike

    def transverse(self) -> tuple[jax.Array, jax.Array]:
        """Return X and Y, ``(rows, columns)``."""
        x = jnp.asarray(self.across_column)[None, :] + jnp.asarray(self.across_row)[:, None]
        return x, jnp.broadcast_to(jnp.asarray(self.down_row)[:, None], x.shape)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Steps:
    """Equal bins: a value ``t`` lies at ``scale * t - origin``, bin i between i and i + 1."""

    scale: ArrayLike
    origin: ArrayLike
    bins: ArrayLike
    margin: ArrayLike
    """Nearer than this to an integer, in bins, single precision does not decide."""


def undecided(dtype: np.dtype) -> int:
    """Return what stands for a pixel that single precision leaves open."""
    return int(np.iinfo(dtype).max)


@partial(jax.jit, static_argnames=("log", "dtype"))
def q_bins(rays: Rays, factor: ArrayLike, steps: Steps, *, log: bool, dtype: np.dtype) -> jax.Array:
    r"""Return bin + 1 of :math:`q` for each pixel, 0 for none, ``(rows, columns)``.

    Args:
        rays: Of the geometry.
        factor: :math:`2k`, in Å⁻¹.
        steps: Of q, or of ln q if ``log``.
        log: Whether bins are equal in ratio.
        dtype: Unsigned.
    """
    x, y = rays.transverse()
    r_squared = x * x + y * y
    length = jnp.sqrt(jnp.asarray(rays.flat_column)[None, :] + jnp.asarray(rays.flat_row)[:, None])
    z = jnp.asarray(rays.along_column)[None, :] + jnp.asarray(rays.along_row)[:, None]
    sine_squared = jnp.where(z >= 0, r_squared / (length + jnp.abs(z)), length - z) / (2 * length)
    q = factor * jnp.sqrt(sine_squared)
    return _binned((jnp.log(q) if log else q) * steps.scale - steps.origin, steps, True, dtype)


@partial(jax.jit, static_argnames=("dtype",))
def phi_bins(
    rays: Rays,
    turn: ArrayLike,
    fold: ArrayLike,
    seam: ArrayLike,
    core: ArrayLike,
    steps: Steps,
    *,
    dtype: np.dtype,
) -> jax.Array:
    """Return bin + 1 of the angle that labels for each pixel, 0 for none, ``(rows, columns)``.

    Args:
        rays: Of the geometry.
        turn: (offset + 180°) / 360°, times ``fold``.
        fold: Folds in a full turn.
        seam: Nearer than this to where the angle starts anew, in folds, nothing is decided.
        core: Nothing is decided where X² + Y² is at most this, in m².
        steps: Of the angle as a part of its fold.
        dtype: Unsigned.
    """
    x, y = rays.transverse()
    part = turn - _arctangent(y, x) * (fold * np.float32(0.5 / np.pi))
    part = part - jnp.floor(part)
    sure = (part >= seam) & (part <= 1 - seam) & (x * x + y * y > core)
    return _binned(part * steps.scale - steps.origin, steps, sure, dtype)


def _binned(position: jax.Array, steps: Steps, sure: jax.Array | bool, dtype: np.dtype) -> jax.Array:
    below = jnp.floor(position)
    into = position - below
    sure = sure & (into >= steps.margin) & (into <= 1 - steps.margin)
    number = jnp.where((below >= 0) & (below < steps.bins), below + 1, 0)
    return jnp.where(sure, number, undecided(dtype)).astype(jnp.int32).astype(dtype)


def _arctangent(y: jax.Array, x: jax.Array) -> jax.Array:
    """Return atan2 in radians, off by less than 6e-7; NaN at the origin."""
    small, large = jnp.minimum(jnp.abs(x), jnp.abs(y)), jnp.maximum(jnp.abs(x), jnp.abs(y))
    ratio = small / large
    square = ratio * ratio
    series = jnp.full_like(square, ARCTANGENT[-1])
    for coefficient in ARCTANGENT[-2::-1]:
        series = series * square + np.float32(coefficient)
    angle = series * ratio
    angle = jnp.where(jnp.abs(y) > jnp.abs(x), np.float32(np.pi / 2) - angle, angle)
    angle = jnp.where(x < 0, np.float32(np.pi) - angle, angle)
    return jnp.where(y < 0, -angle, angle)


@partial(jax.jit, static_argnames=("dtype",))
def natural_labels(
    first: ArrayLike, second: ArrayLike, mask: ArrayLike, columns: ArrayLike, *, dtype: np.dtype
) -> jax.Array:
    """Return natural index + 1 of each pixel under a mask, 0 for none, ``(rows, columns)``.

    Args:
        first: Bin + 1 along the first axis, 0 for none.
        second: The same along the second axis, which runs fastest.
        mask: True = counted.
        columns: Bins along the second axis.
        dtype: Unsigned.
    """
    along, across = jnp.asarray(first).astype(jnp.int32), jnp.asarray(second).astype(jnp.int32)
    counted = jnp.asarray(mask) & (along > 0) & (across > 0)
    return jnp.where(counted, (along - 1) * columns + across, 0).astype(dtype)


@jax.jit
def looked_up(
    natural: ArrayLike, static: ArrayLike, dynamic: ArrayLike
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return static labels, dynamic labels and mask by natural index + 1, each ``(rows, columns)``."""
    index = jnp.asarray(natural).astype(jnp.int32)
    found = (jnp.asarray(each).at[index].get(mode="promise_in_bounds") for each in (static, dynamic))
    return (*found, index > 0)  # pyright: ignore[reportReturnType]
