# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Which pixel centres lie strictly inside a shape.

Only additions, multiplications, divisions and comparisons of float64: they give the same bits on every
machine, and so does the digest of a mask. Products rather than quotients and roots, so that a centre
that lies exactly on an edge is found to lie on it.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from xpcs_mask_bluesky.masks.shapes import Circle, Ellipse, Line, Polygon, Rectangle, Shape

Box = tuple[float, float, float, float]
_PI = Decimal("3.14159265358979323846264338327950288419716939937511")


def inside(shape: Shape, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return whether points lie inside a shape.

    Args:
        shape: In the frame of the points.
        down: Their rows: ``(rows, 1)`` in ascending order, or ``(rows, columns)``.
        right: Their columns: ``(1, columns)``, or ``(rows, columns)``.

    Returns:
        Boolean ``(rows, columns)``.
    """
    match shape:
        case Circle():
            down, right = down - shape.row, right - shape.column
            return down * down + right * right < shape.radius * shape.radius
        case Rectangle():
            along, across = _own_axes(shape, down, right)
            return (np.abs(along) < shape.height / 2) & (np.abs(across) < shape.width / 2)
        case Ellipse():
            along, across = _own_axes(shape, down, right)
            along, across = along * shape.semi_column, across * shape.semi_row
            limit = shape.semi_row * shape.semi_column
            return along * along + across * across < limit * limit
        case Line():
            return _in_line(shape, down, right)
        case Polygon():
            return _in_polygon(shape, down, right)
        case _:
            raise ValueError(f"a {type(shape).__name__} cannot be drawn")


def extent(shape: Shape) -> Box:
    """Return the least and greatest row, and the least and greatest column, that a shape may reach."""
    match shape:
        case Circle():
            reach = shape.radius, shape.radius
        case Rectangle():
            reach = _reach(shape.height / 2, shape.width / 2, shape.angle)
        case Ellipse():
            reach = _reach(shape.semi_row, shape.semi_column, shape.angle)
        case Line():
            half = shape.width / 2
            rows, columns = zip(shape.start, shape.end, strict=True)
            return min(rows) - half, max(rows) + half, min(columns) - half, max(columns) + half
        case Polygon():
            rows, columns = zip(*shape.vertices, strict=True)
            return min(rows), max(rows), min(columns), max(columns)
        case _:
            raise ValueError(f"a {type(shape).__name__} cannot be drawn")
    return shape.row - reach[0], shape.row + reach[0], shape.column - reach[1], shape.column + reach[1]


def _reach(down: float, right: float, angle: float) -> tuple[float, float]:
    """Return half the height and width of the upright box round a turned one; a hair more."""
    cosine, sine = (abs(each) for each in turn(angle))
    slack = 1 + 1e-12
    return (cosine * down + sine * right) * slack, (sine * down + cosine * right) * slack


def _own_axes(
    shape: Rectangle | Ellipse, down: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return points along a shape's own row and column axis, from its centre."""
    down, right = down - shape.row, right - shape.column
    if shape.angle == 0:
        return down, right
    cosine, sine = turn(shape.angle)
    return cosine * down + sine * right, cosine * right - sine * down


def turn(angle: float) -> tuple[float, float]:
    """Return cosine and sine of an angle in degrees, correctly rounded.

    The mathematical libraries of different machines differ in the last bit, which may move a pixel.
    """
    quarter, rest = divmod(Fraction(angle), 90)
    with localcontext(prec=45):
        radians = Decimal(rest.numerator) / rest.denominator * _PI / 180
        cosine = sine = Decimal(0)
        term = Decimal(1)
        for order in range(48):  # the next term is below 1e-50
            sign = -1 if order % 4 >= 2 else 1
            if order % 2:
                sine += sign * term
            else:
                cosine += sign * term
            term = term * radians / (order + 1)
        c, s = float(cosine), float(sine)
    return ((c, s), (-s, c), (-c, -s), (s, -c))[quarter % 4]


def _in_line(line: Line, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    (row, column), (end_row, end_column) = line.start, line.end
    along_row, along_column = end_row - row, end_column - column
    down, right = down - row, right - column
    squared = along_row * along_row + along_column * along_column
    along = down * along_row + right * along_column
    across = down * along_column - right * along_row
    return (along > 0) & (along < squared) & (4 * across * across < line.width * line.width * squared)


def _in_polygon(polygon: Polygon, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Even–odd: inside are the points with an odd number of edges to their right, and on none."""
    found = np.zeros(np.broadcast_shapes(down.shape, right.shape), bool)
    on_edge = np.zeros_like(found)
    for start, end in zip(polygon.vertices, (*polygon.vertices[1:], polygon.vertices[0]), strict=True):
        (row, column), (end_row, end_column) = sorted((start, end))
        rows = _rows_between(down, row, end_row)
        y, x = down[rows], (right[rows] if right.shape == found.shape else right)
        if row == end_row:
            on_edge[rows] |= (y == row) & (x >= column) & (x <= end_column)
            continue
        crossing = column + (y - row) * (end_column - column) / (end_row - row)
        found[rows] ^= (y >= row) & (y < end_row) & (x < crossing)
        on_edge[rows] |= (y >= row) & (y <= end_row) & (x == crossing)
    return found & ~on_edge


def _rows_between(down: np.ndarray, low: float, high: float) -> slice:
    """Return the rows of the raster that an edge can touch: all, unless one row has one coordinate."""
    if down.shape[1] != 1:
        return slice(None)
    first, last = np.searchsorted(down[:, 0], (low, high), side="left")
    return slice(int(first), int(last) + 1)
