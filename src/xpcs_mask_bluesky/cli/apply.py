"""``xpcs-mask apply``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    CatalogOption,
    DetectorOption,
    JsonOption,
    PathOption,
    reported,
)
from xpcs_mask_bluesky.cli.edit_options import AuthorOption, ExpectOption, LayerOption, ReasonOption, edited

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks import Operation
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.edit import Edit

LARGEST = 16_000_000
"""Bytes of JSON that are read."""


def apply(  # noqa: PLR0917  typer's options
    file: Annotated[str, typer.Argument(metavar="OP.JSON|-", help="One operation or a list; - reads stdin.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    layer: LayerOption = "mask",
    author: AuthorOption = None,
    reason: ReasonOption = "",
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply operations from JSON to a mask: one or a list, as one log entry, or none of them.

    A threshold or outliers look at the mean of the last run's frames.

    Example: echo '{"kind": "circle", "row": 812, "column": 1041, "radius": 20}' | xpcs-mask apply -
    --catalog /data/xpcs --reason "flare at the beamstop"
    """
    with reported("apply"):
        operations = _operations("standard input" if file == "-" else file, _text(file))

    def change(edit: Edit, node: XPCSDetector) -> None:
        for operation in operations:
            edit.apply(operation)

    how = (layer, author, reason, expect)
    edited("apply", (catalog, path, detector), how, change, as_json=as_json)


def _text(file: str) -> str:
    if file == "-":
        text = sys.stdin.read(LARGEST + 1)
    else:
        with Path(file).open(encoding="utf-8-sig") as opened_file:
            text = opened_file.read(LARGEST + 1)
    if len(text) > LARGEST:
        raise ValueError(f"{file} is longer than {LARGEST} characters; import brings masks and pixel lists")
    return text


def _operations(name: str, text: str) -> list[Operation]:
    """Return the operations that JSON tells.

    Raises:
        ValueError: it is not JSON, holds none, or one of them is wrong; the line says which.
    """
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON, perhaps cut short: {error}") from error
    listed = content if isinstance(content, list) else [content]
    if not listed:
        raise ValueError(f"{name} is an empty list; expected at least one operation")
    return [_operation(name, number, each) for number, each in enumerate(listed)]


def _operation(name: str, number: int, content: Any) -> Operation:
    from pydantic import ValidationError

    from xpcs_mask_bluesky.cli.catalog_option import words_of
    from xpcs_mask_bluesky.masks.operations import operation_from_json

    try:
        return operation_from_json(content)
    except ValidationError as error:
        raise ValueError(f"{name}, operation {number}: {words_of(error)}") from error
