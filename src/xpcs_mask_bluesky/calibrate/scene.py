"""An image with its mask and present geometry, and q with its derivatives by JAX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from xpcs_mask_bluesky.qmap import Geometry, q_magnitude

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from xpcs_mask_bluesky.geometry import GeometryRecord

FEWEST_PIXELS = 500
"""Counted pixels below which nothing is fitted."""


class CalibrationError(ValueError):
    """The image does not tell the geometry: what was found instead, and the likely cause."""


@partial(jax.jit, static_argnames=("names", "shape"))
def _with_derivatives(
    geometry: Geometry, values: tuple[jax.Array, ...], *, names: tuple[str, ...], shape: tuple[int, int]
) -> tuple[jax.Array, list[jax.Array]]:
    def q_of(*given: jax.Array) -> jax.Array:
        return q_magnitude(replace(geometry, **dict(zip(names, given, strict=True))), shape)

    units = np.eye(len(names))
    slopes = [jax.jvp(q_of, values, tuple(jnp.asarray(each) for each in unit))[1] for unit in units]
    return q_of(*values), slopes


@partial(jax.jit, static_argnames=("shape",))
def _q_only(geometry: Geometry, *, shape: tuple[int, int]) -> jax.Array:
    return q_magnitude(geometry, shape)


@dataclass(frozen=True)
class Scene:
    """The pixels that count, their values, and the geometry that the search starts from."""

    image: np.ndarray
    """float64 ``(rows, columns)``."""
    counted: np.ndarray
    """Boolean ``(rows, columns)``."""
    geometry: Geometry
    lean: tuple[float, float] = (0.0, 0.0)
    """Columns and rows by which a swung detector's direct beam moves, per m of distance."""

    @classmethod
    def of(cls, image: ArrayLike, mask: ArrayLike, record: GeometryRecord) -> Scene:
        """Return the scene, checked.

        Raises:
            ValueError: image or mask have another shape than the geometry.
            CalibrationError: too few pixels count, or a counted one is not finite.
        """
        values, good = np.asarray(image, dtype=float), np.asarray(mask)
        for what, shape in (("image", values.shape), ("mask", good.shape)):
            if shape != record.shape:
                hint = "; is it transposed?" if shape == record.shape[::-1] else ""
                raise ValueError(f"the {what} is {shape}, the geometry {record.shape} (rows, columns){hint}")
        counted = good.astype(bool)
        if int(counted.sum()) < FEWEST_PIXELS:
            raise CalibrationError(
                f"{int(counted.sum())} pixels count; a calibration needs {FEWEST_PIXELS} or more: "
                "is the mask inverted? (True = counted)"
            )
        if not np.isfinite(values[counted]).all():
            raise CalibrationError("a counted pixel is not finite; mask it, or was the dark image wrong?")
        if np.ptp(values[counted]) == 0:
            raise CalibrationError(
                f"all counted pixels are {values[counted][0]:g}; was the shutter closed, or is the mask "
                "inverted?"
            )
        return cls(values, counted, Geometry.from_record(record), _lean(record))

    def moved(self, **values: float) -> Scene:
        """Return the scene with other numbers in its geometry."""
        return replace(self, geometry=replace(self.geometry, **values))

    def coarse(self, stride: int) -> Scene:
        """Return every ``stride``-th pixel of it; the geometry goes along exactly."""
        geometry = replace(
            self.geometry,
            beam_center_x=self.geometry.beam_center_x / stride,
            beam_center_y=self.geometry.beam_center_y / stride,
            x_pixel_size=self.geometry.x_pixel_size * stride,
            y_pixel_size=self.geometry.y_pixel_size * stride,
        )
        lean = (self.lean[0] / stride, self.lean[1] / stride)
        return Scene(self.image[::stride, ::stride], self.counted[::stride, ::stride], geometry, lean)

    def at_distance(self, distance: float) -> dict[str, float]:
        """Return distance and centre of a detector so far away whose direct beam hits the same pixel."""
        farther = distance - self.geometry.distance
        return {
            "beam_center_x": self.geometry.beam_center_x - self.lean[0] * farther,
            "beam_center_y": self.geometry.beam_center_y - self.lean[1] * farther,
            "distance": distance,
        }

    def q(self, **values: float) -> np.ndarray:
        """Return q in Å⁻¹ at each pixel, ``(rows, columns)``, with these numbers in the geometry."""
        with jax.enable_x64(True):
            geometry = replace(self.geometry, **values)
            return np.asarray(_q_only(_as_arrays(geometry), shape=self.counted.shape))

    def q_and_slopes(
        self, names: Sequence[str], values: Sequence[float] | np.ndarray
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return q and its derivatives by the named fields, each ``(rows, columns)``, per px or per m."""
        with jax.enable_x64(True):
            given = tuple(jnp.asarray(float(value)) for value in values)
            q, slopes = _with_derivatives(
                _as_arrays(self.geometry), given, names=tuple(names), shape=self.counted.shape
            )
            return np.asarray(q), [np.asarray(slope) for slope in slopes]

    @property
    def q_per_pixel(self) -> float:
        """How much q changes from a pixel to the next, in Å⁻¹: the median over the counted ones."""
        centre = (self.geometry.beam_center_x, self.geometry.beam_center_y)
        _, slopes = self.q_and_slopes(CENTRE, centre)
        steps = np.hypot(*slopes)[self.counted]
        return float(np.nanmedian(steps))


CENTRE = ("beam_center_x", "beam_center_y")


def _lean(record: GeometryRecord) -> tuple[float, float]:
    direct = record.direct_beam
    if direct is None:
        return 0.0, 0.0
    away = (direct[0] - record.beam_center_x, direct[1] - record.beam_center_y)
    return away[0] / record.distance, away[1] / record.distance


def _as_arrays(geometry: Geometry) -> Geometry:
    return jax.tree.map(lambda value: jnp.asarray(float(value)), geometry)
