"""The shapes that are drawn: each rejects what lies inside, or keeps only that.

A pixel is inside when its centre is, strictly. ``frame`` says what the numbers are counted in:

``"pixel"``
    Rows and columns of the detector, in px.
``"beam"``
    Rows and columns from the direct beam (swing included), in px: the shape follows the beam.
``"q"``
    The same directions from the direct beam in Å⁻¹: ``row`` is ``-q sin φ`` and ``column`` is
    ``q cos φ``, so that a circle of radius 0.01 round (0, 0) holds the pixels with q < 0.01.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from xpcs_mask_bluesky.masks.base import Layer, Operation, PositiveFinite

Point = tuple[FiniteFloat, FiniteFloat]


class Shape(Operation):
    """What all shapes share."""

    layer = Layer.DRAWING
    frame: Literal["pixel", "beam", "q"] = "pixel"
    """What positions and sizes are counted in; see the module."""
    mode: Literal["exclusive", "inclusive"] = "exclusive"
    """Reject what lies inside; or keep only that, together with what other inclusive shapes hold."""

    @property
    def needs_qmap(self) -> bool:
        """Whether the shape follows the beam."""
        return self.frame != "pixel"

    def outline(self) -> str:
        """Return the shape and its place in words, without its mode."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return one line for people."""
        return self.outline() if self.mode == "exclusive" else f"only inside {self.outline()}"

    @property
    def unit(self) -> str:
        """Unit of the shape's lengths."""
        return "Å⁻¹" if self.frame == "q" else "px"

    def _at(self, row: float, column: float) -> str:
        place = f"(row {row:g}, column {column:g})"
        if self.frame == "pixel":
            return place
        return f"{place} {self.unit} from the beam"


def _turned(angle: float) -> str:
    return f", turned {angle:g}°" if angle else ""


class Rectangle(Shape):
    """A rectangle centred on ``(row, column)``."""

    kind: Literal["rectangle"] = "rectangle"
    row: FiniteFloat
    column: FiniteFloat
    height: PositiveFinite
    """Extent along the row axis at angle 0."""
    width: PositiveFinite
    """Extent along the column axis at angle 0."""
    angle: FiniteFloat = 0.0
    """Turns the row axis towards the column axis, in degrees."""

    def outline(self) -> str:
        """Return the shape and its place in words."""
        size = f"{self.height:g}×{self.width:g} {self.unit}"
        return f"rectangle {size} at {self._at(self.row, self.column)}{_turned(self.angle)}"


class Circle(Shape):
    """The points closer than ``radius`` to ``(row, column)``."""

    kind: Literal["circle"] = "circle"
    row: FiniteFloat
    column: FiniteFloat
    radius: PositiveFinite

    def outline(self) -> str:
        """Return the shape and its place in words."""
        return f"circle of {self.radius:g} {self.unit} at {self._at(self.row, self.column)}"


class Ellipse(Shape):
    """An ellipse centred on ``(row, column)``."""

    kind: Literal["ellipse"] = "ellipse"
    row: FiniteFloat
    column: FiniteFloat
    semi_row: PositiveFinite
    """Half its extent along the row axis at angle 0."""
    semi_column: PositiveFinite
    """Half its extent along the column axis at angle 0."""
    angle: FiniteFloat = 0.0
    """Turns the row axis towards the column axis, in degrees."""

    def outline(self) -> str:
        """Return the shape and its place in words."""
        size = f"{self.semi_row:g}, {self.semi_column:g} {self.unit}"
        return f"ellipse of half axes {size} at {self._at(self.row, self.column)}{_turned(self.angle)}"


class Polygon(Shape):
    """A closed polygon; what its outline encloses an odd number of times is inside (even–odd)."""

    kind: Literal["polygon"] = "polygon"
    vertices: Annotated[tuple[Point, ...], Field(max_length=100_000)]
    """Each ``(row, column)``; the last joins the first."""

    @model_validator(mode="after")
    def _check_area(self) -> Polygon:
        corners = list(dict.fromkeys(self.vertices))
        if len(corners) < 3:
            raise ValueError(f"a polygon needs three different vertices; {len(corners)} came")
        (row, column), (next_row, next_column) = corners[:2]
        down, right = next_row - row, next_column - column
        if all((r - row) * right == (c - column) * down for r, c in corners[2:]):
            raise ValueError(f"all {len(corners)} vertices of the polygon lie on one line; it holds no pixel")
        return self

    def outline(self) -> str:
        """Return the shape and its place in words."""
        return f"polygon of {len(self.vertices)} vertices from {self._at(*self.vertices[0])}"


class Line(Shape):
    """The points closer than ``width / 2`` to a line, between its flat ends."""

    kind: Literal["line"] = "line"
    start: Point
    """``(row, column)``."""
    end: Point
    """``(row, column)``."""
    width: PositiveFinite

    @model_validator(mode="after")
    def _check_length(self) -> Line:
        if self.start == self.end:
            raise ValueError(f"the line starts and ends at (row, column) {self.start}; it has no length")
        return self

    def outline(self) -> str:
        """Return the shape and its place in words."""
        end = f"(row {self.end[0]:g}, column {self.end[1]:g})"
        return f"line {self.width:g} {self.unit} wide from {self._at(*self.start)} to {end}"


AnyShape = Annotated[Rectangle | Circle | Ellipse | Polygon | Line, Field(discriminator="kind")]


class Eraser(Operation):
    """Restore what drawn operations before it removed inside a shape; never anything else."""

    kind: Literal["eraser"] = "eraser"
    layer = Layer.DRAWING
    shape: AnyShape

    @model_validator(mode="after")
    def _check_mode(self) -> Eraser:
        if self.shape.mode != "exclusive":
            raise ValueError("an eraser restores what lies inside its shape; an inclusive one is not meant")
        return self

    @property
    def needs_qmap(self) -> bool:
        """Whether the shape follows the beam."""
        return self.shape.needs_qmap

    def describe(self) -> str:
        """Return one line for people."""
        return f"eraser, {self.shape.outline()}"


Reach = Annotated[FiniteFloat, Field(ge=1, le=1000)]


class Grow(Operation):
    """Reject also the pixels within ``pixels`` px of one that drawn operations rejected."""

    kind: Literal["grow"] = "grow"
    layer = Layer.DRAWING
    pixels: Reach = 1.0
    """Greatest distance between the centres, included."""

    def describe(self) -> str:
        """Return one line for people."""
        return f"grow what is drawn by {self.pixels:g} px"


class Shrink(Operation):
    """Restore those drawn pixels that lie within ``pixels`` px of one that is not drawn."""

    kind: Literal["shrink"] = "shrink"
    layer = Layer.DRAWING
    pixels: Reach = 1.0
    """Greatest distance between the centres, included; the detector's edge takes nothing away."""

    def describe(self) -> str:
        """Return one line for people."""
        return f"shrink what is drawn by {self.pixels:g} px"


class Invert(Operation):
    """Reject what drawn operations before it kept, and keep what they rejected."""

    kind: Literal["invert"] = "invert"
    layer = Layer.DRAWING

    def describe(self) -> str:
        """Return one line for people."""
        return "invert what is drawn"
