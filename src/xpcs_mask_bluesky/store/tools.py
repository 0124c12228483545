"""The tools that draw: methods of an edit, each made from the operation that it applies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
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
    name = getattr(make, "__name__", "tool").lower()
    made = inspect.signature(make)
    keywords = [each for each in made.parameters.values() if each.name != "kind"]

    def method(self: Any, *args: P.args, **fields: P.kwargs) -> None:
        _check_keywords(name, keywords, fields)
        self.apply(make(*args, **fields))

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = made.replace(parameters=[own, *keywords], return_annotation=None)  # type: ignore[attr-defined]
    method.__name__, method.__qualname__, method.__doc__ = name, f"Edit.{name}", inspect.getdoc(make)
    return method


def _check_keywords(name: str, keywords: Sequence[inspect.Parameter], given: Collection[str]) -> None:
    """Check that a tool is called with its own keywords.

    Raises:
        ValueError: One is unknown, or lacks; the message names them all.
    """
    optional = {each.name: each.default is not each.empty for each in keywords}
    unknown = [each for each in given if each not in optional]
    lacking = [each for each, may_lack in optional.items() if each not in given and not may_lack]
    if unknown or lacking:
        said = [f"has no parameter {', '.join(unknown)}"] if unknown else []
        said += [f"needs {', '.join(lacking)}"] if lacking else []
        must = sorted(optional.items(), key=lambda each: each[1])
        takes = ", ".join(f"{each}=…" if may_lack else each for each, may_lack in must)
        raise ValueError(f"{name} {' and '.join(said)}; it takes {takes or 'none'}")


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
