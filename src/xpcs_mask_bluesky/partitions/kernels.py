# jax types its functions in part.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Compiled kernels that put each pixel into a bin where single precision suffices to tell which.

A pixel too near to a threshold gets :func:`undecided`, and double precision decides. What depends on
one row or one column only comes as a vector, made in double precision, so that single precision never
meets a difference of large numbers. All numbers are traced: a new geometry compiles nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from xpcs_mask_bluesky.qmap.rows import WIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector: TypeAlias = NDArray[np.float32]
    Map: TypeAlias = NDArray[np.generic]

ARCTANGENT = (
    0.99999998179, -0.33333036709, 0.19991872029, -0.14197797793, 0.10618370631,
    -0.07456854814, 0.04213762345, -0.01573124904, 0.00276628348,
)  # fmt: skip
"""Coefficients of arctan(t) / t in powers of t², |t| ≤ 1: a Chebyshev interpolation, off by < 1e-8."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Rays:
    """Where pixels lie as seen from the beam.

    ``X = across_column + across_row``, ``Y = down_row``, ``Z = along_column + along_row`` is the lab
    vector in m, and ``flat_column + flat_row`` its squared length, in m².
    """

    across_column: Vector
    across_row: Vector
    down_row: Vector
    along_column: Vector
    along_row: Vector
    flat_column: Vector
    flat_row: Vector


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Steps:
    """Equal bins: a value ``t`` lies at ``scale * t - origin``, bin i between i and i + 1."""

    scale: np.float32
    origin: np.float32
    bins: np.float32
    margin: np.float32
    """Nearer than this to an integer, in bins, single precision does not decide."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Turns:
    """How an azimuth becomes a part of its fold: what is left of ``turn - fold * azimuth / 360°``."""

    turn: np.float32
    fold: np.float32
    seam: np.float32
    """Nearer than this to where the angle starts anew, in folds, nothing is decided."""
    core: np.float32
    """Nor where neither X nor Y exceeds this, in m."""


def undecided(dtype: np.dtype[np.unsignedinteger]) -> np.unsignedinteger:
    """Return what stands for a pixel that single precision leaves open.

    It has its type: as a Python integer, that of ``uint32`` would not fit what JAX takes without x64.
    """
    return dtype.type(np.iinfo(dtype).max)


@partial(jax.jit, static_argnames=("rows", "dtype"), compiler_options=WIDE)
def phi_bins(
    rays: Rays, first: np.int32, turns: Turns, steps: Steps, *, rows: int, dtype: np.dtype[np.unsignedinteger]
) -> jax.Array:
    """Return bin + 1 of the angle that labels, 0 for none, of each pixel of some rows."""
    x, y = _transverse(_only(rays, first, rows))
    azimuth, largest = _arctangent(y, x)
    part = turns.turn - azimuth * (turns.fold * np.float32(0.5 / np.pi))
    part = part - jnp.floor(part)
    clear = (jnp.abs(part - np.float32(0.5)) <= np.float32(0.5) - turns.seam) & (largest > turns.core)
    number, sure = _binned(part * steps.scale - steps.origin, steps)
    return jnp.where(clear & sure, number.astype(dtype), undecided(dtype))


@partial(jax.jit, static_argnames=("log", "dtype"), compiler_options=WIDE)
def natural_labels(
    rays: Rays,
    first: np.int32,
    steps: Steps,
    phi: Map,
    *,
    factor: np.float32,
    strides: tuple[np.int32, np.int32],
    log: bool,
    dtype: np.dtype[np.unsignedinteger],
) -> jax.Array:
    r"""Return natural index + 1 of each pixel of some rows, 0 for none, ``(rows, columns)``.

    Args:
        rays: Of the geometry.
        first: Row with which those of ``phi`` begin.
        steps: Of q, or of ln q if ``log``.
        phi: What ``phi_bins`` gives, with nothing left open.
        factor: :math:`2k`, in Å⁻¹.
        strides: By how much the natural index grows with each bin of q, and of phi.
        log: Whether bins of q are equal in ratio.
        dtype: Unsigned.
    """
    q = factor * _sine_of_half(_only(rays, first, phi.shape[0]))
    number, sure = _binned((jnp.log(q) if log else q) * steps.scale - steps.origin, steps)
    other = jnp.asarray(phi).astype(jnp.int32)
    natural = (number - 1) * strides[0] + (other - 1) * strides[1] + 1
    natural = jnp.where((number > 0) & (other > 0), natural, 0)
    return jnp.where(sure, natural.astype(dtype), undecided(dtype))


@partial(jax.jit, compiler_options=WIDE)
def looked_up(natural: Map, mask: Map, static: Map, dynamic: Map) -> tuple[jax.Array, jax.Array]:
    """Return static and dynamic labels, ``(rows, columns)``, by natural index + 1; 0 where masked."""
    index = jnp.where(jnp.asarray(mask), jnp.asarray(natural).astype(jnp.int32), 0)
    found = [jnp.asarray(each).at[index].get(mode="promise_in_bounds") for each in (static, dynamic)]
    return found[0], found[1]


def _only(rays: Rays, first: np.int32, rows: int) -> Rays:
    """Return the rays of some rows."""
    names = ("across_row", "down_row", "along_row", "flat_row")
    part = {name: jax.lax.dynamic_slice(getattr(rays, name), (first,), (rows,)) for name in names}
    return replace(rays, **part)


def _transverse(rays: Rays) -> tuple[jax.Array, jax.Array]:
    x = _sums(rays.across_column, rays.across_row)
    return x, jax.lax.broadcast_in_dim(rays.down_row, x.shape, (0,))


def _sums(column: Vector, row: Vector) -> jax.Array:
    """Return the number of each pixel's column plus that of its row."""
    shape = (len(row), len(column))
    return jax.lax.broadcast_in_dim(column, shape, (1,)) + jax.lax.broadcast_in_dim(row, shape, (0,))


def _sine_of_half(rays: Rays) -> jax.Array:
    """Return the sine of half the scattering angle (see ``qmap.q_magnitude``), in one division."""
    x, y = _transverse(rays)
    length = jnp.sqrt(_sums(rays.flat_column, rays.flat_row))
    z = _sums(rays.along_column, rays.along_row)
    ahead = length + jnp.abs(z)
    return jnp.sqrt(jnp.where(z >= 0, x * x + y * y, ahead * ahead) / (2 * length * ahead))


def _binned(position: jax.Array, steps: Steps) -> tuple[jax.Array, jax.Array]:
    """Return bin + 1, 0 for none, and whether single precision suffices to tell; NaN is not told."""
    below = jnp.floor(position)
    into = position - below
    sure = jnp.abs(into - np.float32(0.5)) <= np.float32(0.5) - steps.margin
    number = jnp.where((below >= 0) & (below < steps.bins), below + 1, 0)
    return jnp.where(sure, number, 0).astype(jnp.int32), sure


def _arctangent(y: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return atan2 in radians, off by less than 6e-7, NaN at the origin; and the larger of both sizes."""
    wide, high = jnp.abs(x), jnp.abs(y)
    steep = high > wide
    largest = jnp.where(steep, high, wide)
    # not divided by: what is used twice and is no mere product, XLA writes into a map and reads again
    ratio = jnp.where(steep, wide, high) * (1 / largest)
    square = ratio * ratio
    series = jnp.full_like(square, ARCTANGENT[-1])
    for coefficient in ARCTANGENT[-2::-1]:
        series = series * square + np.float32(coefficient)
    angle = series * ratio
    angle = jnp.where(steep, np.float32(np.pi / 2) - angle, angle)
    angle = jnp.where(x < 0, np.float32(np.pi) - angle, angle)
    return jnp.where(y < 0, -angle, angle), largest
