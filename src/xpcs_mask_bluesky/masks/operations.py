"""The operations a mask is made of: frozen, validated, with a JSON round trip and one line of words.

An operation holds no path and no array. What it needs of those is named by content digest, and
``evaluate`` is told where digests resolve.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from xpcs_mask_bluesky.masks.base import Operation
from xpcs_mask_bluesky.masks.shapes import (
    Circle,
    Ellipse,
    Eraser,
    Grow,
    Invert,
    Line,
    Polygon,
    Rectangle,
    Shrink,
)
from xpcs_mask_bluesky.masks.stored import Blemish, DrawnMask, FileMask, Pixels
from xpcs_mask_bluesky.masks.values import Constraint, Outliers, Threshold

AnyOperation = Annotated[
    Rectangle
    | Circle
    | Ellipse
    | Polygon
    | Line
    | Eraser
    | Grow
    | Shrink
    | Invert
    | Threshold
    | Constraint
    | Outliers
    | Pixels
    | Blemish
    | FileMask
    | DrawnMask,
    Field(discriminator="kind"),
]
_ADAPTER: TypeAdapter[Operation] = TypeAdapter(AnyOperation)


def operation_from_json(content: Any) -> Operation:
    """Return the operation that a JSON object tells.

    Raises:
        ValueError: If its kind is unknown or a field is wrong, naming it.
    """
    return _ADAPTER.validate_python(content)
