# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""The drawn layer: what shapes, erasers, grow, shrink and invert reject together, in their order."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from xpcs_mask_bluesky.masks.base import Operation
from xpcs_mask_bluesky.masks.context import Bits, Context, OffDetector
from xpcs_mask_bluesky.masks.raster import extent, inside
from xpcs_mask_bluesky.masks.shapes import Circle, Eraser, Grow, Invert, Polygon, Shape, Shrink
from xpcs_mask_bluesky.masks.stored import DrawnMask

Window = tuple[slice, slice]
AT_ONCE = 1 << 17
"""Pixels of a shape that are computed together, so that what is in between stays in the cache."""


def drawn(operations: Sequence[Operation], context: Context) -> Bits:
    """Return the pixels that drawn operations reject, ``(rows, columns)``.

    Raises:
        ValueError: If a shape follows the beam and there is no geometry.
    """
    drawing = _Drawing(context)
    for operation in operations:
        drawing.add(operation)
    return drawing.rejected


class _Drawing:
    """Two rasters: what is rejected, and what inclusive shapes hold (None: there is none of them)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._out: Bits = np.zeros(context.shape, bool)
        self._only: Bits | None = None

    @property
    def rejected(self) -> Bits:
        return self._out if self._only is None else self._out | ~self._only

    def add(self, operation: Operation) -> None:
        match operation:
            case Shape(mode="inclusive"):
                if self._only is None:
                    self._only = np.zeros(self._context.shape, bool)
                _fill(self._only, operation, self._context, True)
            case Shape():
                _fill(self._out, operation, self._context, True)
            case Eraser():
                _fill(self._out, operation.shape, self._context, False)
                if self._only is not None:
                    _fill(self._only, operation.shape, self._context, True)
            case DrawnMask():
                self._out |= ~self._context.kept_by(operation)
            case Grow():
                self._redraw(dilated(self.rejected, operation.pixels))
            case Shrink():
                self._redraw(~dilated(~self.rejected, operation.pixels))
            case Invert():
                self._redraw(~self.rejected)
            case _:
                raise ValueError(f"a {type(operation).__name__} cannot be drawn")

    def _redraw(self, rejected: Bits) -> None:
        self._out, self._only = rejected, None


def _fill(raster: Bits, shape: Shape, context: Context, value: bool) -> None:
    for window, bits in _blocks(shape, context):
        np.copyto(raster[window], value, where=bits)


def dilated(bits: Bits, reach: float) -> Bits:
    """Return the pixels whose centre is at most ``reach`` px from one of ``bits``."""
    result = bits.copy()
    widened, width = bits, 0
    for offset in range(int(reach), -1, -1):  # from the disc's narrow rows to its wide ones
        half = math.isqrt(int(reach * reach - offset * offset))
        widened, width = _widened(widened, half - width), half
        for row in {offset, -offset}:
            _or_moved(result, widened, row)
    return result


def _widened(bits: Bits, by: int) -> Bits:
    """Return bits that also hold what lies up to ``by`` columns beside them."""
    # Each side on its own: a step over the edge and back would be lost.
    right, left, reached = bits.copy(), bits.copy(), 0
    while reached < by:
        step = min(by - reached, reached + 1)
        right[:, step:] |= right[:, :-step].copy()
        left[:, :-step] |= left[:, step:].copy()
        reached += step
    return right | left


def _or_moved(result: Bits, bits: Bits, rows: int) -> None:
    if rows >= 0:
        result[rows:] |= bits[: max(len(bits) - rows, 0)]
    else:
        result[:rows] |= bits[-rows:]


def _blocks(shape: Shape, context: Context) -> Iterator[tuple[Window, Bits]]:
    """Yield windows of the detector that a shape touches, each with its pixels inside."""
    window, down, right = _coordinates(shape, context)
    rows, columns = window[0].stop - window[0].start, window[1].stop - window[1].start
    if rows <= 0 or columns <= 0:
        warnings.warn(
            f"{shape.outline()} lies off the detector and holds no pixel", OffDetector, stacklevel=7
        )
        return
    step = rows if isinstance(shape, Polygon) else max(1, AT_ONCE // columns)
    for first in range(0, rows, step):
        part = slice(first, min(first + step, rows))
        at = slice(window[0].start + part.start, window[0].start + part.stop), window[1]
        yield at, inside(shape, *_part(shape, down, right, part))


def _part(shape: Shape, down: np.ndarray, right: np.ndarray, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    if shape.frame != "q":
        return down[rows], right
    if isinstance(shape, Circle) and shape.row == shape.column == 0:
        return down[rows], np.zeros((1, right.shape[1]))  # of q alone, and so without rounding
    q, phi = down[rows], np.radians(right[rows])
    return -q * np.sin(phi), q * np.cos(phi)


def _coordinates(shape: Shape, context: Context) -> tuple[Window, np.ndarray, np.ndarray]:
    """Return the window that holds a shape, and its rows and columns in the shape's frame.

    In the frame ``"q"`` these are q and phi instead, of which :func:`_part` makes rows and columns.
    """
    if shape.frame == "q":
        return _reciprocal(shape, context)
    row, column = (0.0, 0.0) if shape.frame == "pixel" else context.beam(shape)
    low_row, high_row, low_column, high_column = extent(shape)
    window = (
        _clipped(low_row + row, high_row + row, context.shape[0]),
        _clipped(low_column + column, high_column + column, context.shape[1]),
    )
    down = np.arange(window[0].start, window[0].stop)[:, None] - row
    return window, down, np.arange(window[1].start, window[1].stop)[None, :] - column


def _clipped(low: float, high: float, size: int) -> slice:
    start = math.floor(min(max(low, 0), size))
    return slice(start, max(start, math.ceil(min(max(high + 1, 0), size))))


def _reciprocal(shape: Shape, context: Context) -> tuple[Window, np.ndarray, np.ndarray]:
    q, phi = context.axis("q", shape), context.axis("phi", shape)
    low_row, high_row, low_column, high_column = extent(shape)
    nearest = math.hypot(max(low_row, -high_row, 0), max(low_column, -high_column, 0))
    farthest = math.hypot(max(-low_row, high_row), max(-low_column, high_column))
    near = (q >= nearest * (1 - 1e-9)) & (q <= farthest * (1 + 1e-9))
    window = _span(np.any(near, axis=1)), _span(np.any(near, axis=0))
    return window, q[window], phi[window]


def _span(touched: Bits) -> slice:
    found = np.flatnonzero(touched)
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)
