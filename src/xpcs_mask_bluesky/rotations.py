"""Rotations of three-vectors, and where a ray from the sample meets a detector's plane. Plain numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]


def around_x(angle: float) -> Matrix:
    """Return ``[[1, 0, 0], [0, c, -s], [0, s, c]]`` for an angle in degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return ((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c))


def around_y(angle: float) -> Matrix:
    """Return ``[[c, 0, -s], [0, 1, 0], [s, 0, c]]`` for an angle in degrees: pySimpleMask's sense."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return ((c, 0.0, -s), (0.0, 1.0, 0.0), (s, 0.0, c))


def around_z(angle: float) -> Matrix:
    """Return ``[[c, -s, 0], [s, c, 0], [0, 0, 1]]`` for an angle in degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return ((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0))


def dot(first: Vector, second: Vector) -> float:
    """Return the scalar product."""
    return sum(a * b for a, b in zip(first, second, strict=True))


def transposed(matrix: Matrix) -> Matrix:
    """Return the transpose: of a rotation, its inverse."""
    first, second, third = zip(*matrix, strict=True)
    return (first, second, third)


def turned(matrix: Matrix, vector: Vector) -> Vector:
    """Return matrix times vector."""
    first, second, third = matrix
    return (dot(first, vector), dot(second, vector), dot(third, vector))


def product(first: Matrix, *others: Matrix) -> Matrix:
    """Return the product of matrices, the last one applied first."""
    for other in others:
        columns = transposed(other)
        first = transposed((turned(first, columns[0]), turned(first, columns[1]), turned(first, columns[2])))
    return first


def swing(horizontal: float, vertical: float) -> Matrix:
    """Return ``R_y(horizontal) R_x(vertical)``."""
    return product(around_y(horizontal), around_x(vertical))


def tilt(pitch: float, yaw: float, roll: float) -> Matrix:
    """Return ``R_z(roll) R_x(pitch) R_y(yaw)``: yaw is applied first, as pyFAI's rot1 is."""
    return product(around_z(roll), around_x(pitch), around_y(yaw))


def tilt_angles(matrix: Matrix) -> tuple[float, float, float]:
    """Return the pitch, yaw and roll in degrees that :func:`tilt` makes a rotation of."""
    pitch = math.atan2(matrix[2][1], math.hypot(matrix[2][0], matrix[2][2]))
    yaw = math.atan2(matrix[2][0], matrix[2][2])
    roll = math.atan2(-matrix[0][1], matrix[1][1])
    return math.degrees(pitch), math.degrees(yaw), math.degrees(roll)


def swing_angles(matrix: Matrix) -> tuple[float, float, float]:
    """Return the h, v and roll in degrees for which a rotation is ``R_y(h) R_x(v) R_z(roll)``."""
    horizontal = math.atan2(-matrix[0][2], matrix[2][2])
    vertical = math.atan2(-matrix[1][2], math.hypot(matrix[0][2], matrix[2][2]))
    roll = math.atan2(matrix[1][0], matrix[1][1])
    return math.degrees(horizontal), math.degrees(vertical), math.degrees(roll)


@dataclass(frozen=True)
class DetectorPlane:
    r"""A plane detector: its point ``(x, y)`` lies at :math:`S\,((0, 0, d) + T\,(x, y, 0))`. Lengths in m."""

    distance: float
    swing: Matrix
    tilt: Matrix

    def position(self, x: float, y: float) -> Vector:
        """Return the lab vector of a point of the plane, from the sample."""
        across, down, along = turned(self.tilt, (x, y, 0.0))
        return turned(self.swing, (across, down, along + self.distance))

    def hit(self, direction: Vector) -> tuple[float, float] | None:
        r"""Return the point where a ray from the sample meets the plane; None where it meets none.

        In the detector's swung frame the ray is :math:`b = S^T \hat s`, the plane's normal
        :math:`n = T \hat z`; they meet after :math:`t = d\,n_z / (n \cdot b)`, if that is positive.
        """
        ray = turned(transposed(self.tilt), turned(transposed(self.swing), direction))
        foot = self.tilt[2]  # the normal as seen from the untilted frame
        if ray[2] * foot[2] <= 0:
            return None
        reach = foot[2] / ray[2]  # exactly 1 along the beam, which so comes out at the origin exactly
        return self.distance * (reach * ray[0] - foot[0]), self.distance * (reach * ray[1] - foot[1])
