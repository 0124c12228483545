"""The tools that draw: methods of an edit, each made from the operation that it applies."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from xpcs_mask_bluesky.masks import (
    Circle,
    Ellipse,
    Eraser,
    Grow,
    Invert,
    Line,
    Operation,
    Polygon,
    Rectangle,
    Shrink,
)

P = ParamSpec("P")


def tool(make: Callable[P, Operation]) -> Callable[Concatenate[Any, P], None]:
    """Return a method that applies what ``make`` makes of its keywords, and is documented as it is."""

    def method(self: Any, *args: P.args, **fields: P.kwargs) -> None:
        self.apply(make(*args, **fields))

    name = getattr(make, "__name__", "tool").lower()
    made = inspect.signature(make)
    keywords = [each for each in made.parameters.values() if each.name != "kind"]
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = made.replace(parameters=[own, *keywords], return_annotation=None)  # type: ignore[attr-defined]
    method.__name__, method.__qualname__, method.__doc__ = name, f"Edit.{name}", inspect.getdoc(make)
    return method


class DrawingTools:
    """What is drawn: the keywords of each tool are the fields of its operation.

    Shapes take ``frame="pixel"``, ``"beam"`` or ``"q"`` and ``mode="exclusive"`` or ``"inclusive"``.
    """

    rectangle = tool(Rectangle)
    circle = tool(Circle)
    ellipse = tool(Ellipse)
    polygon = tool(Polygon)
    line = tool(Line)
    eraser = tool(Eraser)
    grow = tool(Grow)
    shrink = tool(Shrink)
    invert = tool(Invert)
