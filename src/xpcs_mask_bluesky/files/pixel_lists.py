"""Lists of pixels from JSON, CSV and text, with the order of row and column declared."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from xpcs_mask_bluesky.masks.stored import Pixels

Order = Literal["row,column", "column,row"]
"""What the first and the second number of a pixel are."""
LARGEST = 64_000_000
"""Bytes of a file that is read."""


def read_pixels(path: str | Path, *, order: Order) -> Pixels:
    """Return the pixels that a file lists, as an operation that rejects them.

    JSON: a list of pairs, or ``{"pixels": [...]}``. CSV and text: two integers a line, separated by
    commas or blanks; ``#`` starts a comment, and the first line of a CSV may name its columns.

    Args:
        path: A ``.json``, ``.csv`` or ``.txt`` file.
        order: ``"row,column"`` or ``"column,row"``, both 0-based.

    Raises:
        ValueError: If a line is not two integers from 0, naming it; if the names of the columns
            contradict ``order``; if the list is empty.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if order not in get_args(Order):
        raise ValueError(f"order is {order!r}; expected one of {', '.join(get_args(Order))}")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes; a list of pixels has up to {LARGEST}")
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        rows = _of_json(text, path.name)
    elif path.suffix.lower() in (".csv", ".txt"):
        rows = _of_lines(text, path.name, order)
    else:
        raise ValueError(f"{path.name} has a suffix that tells no format; known are .json, .csv, .txt")
    pairs = [_pair(fields, where) for where, fields in rows]
    if not pairs:
        raise ValueError(f"{path.name} lists no pixel")
    if order == "column,row":
        pairs = [(row, column) for column, row in pairs]
    return Pixels(pixels=tuple(pairs), reason=path.name)


def _of_json(text: str, name: str) -> Iterator[tuple[str, list[Any]]]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name} is not JSON: {error}") from error
    if isinstance(content, dict) and list(content) == ["pixels"]:
        content = content["pixels"]
    if not isinstance(content, list):
        raise ValueError(f"{name} holds a {type(content).__name__}; expected a list of pairs")
    for number, fields in enumerate(content):
        yield f"{name}, pixel {number}", fields if isinstance(fields, list) else [fields]


def _of_lines(text: str, name: str, order: Order) -> Iterator[tuple[str, list[Any]]]:
    first = True
    for number, line in enumerate(text.splitlines(), start=1):
        content = line.split("#")[0].strip()
        if not content:
            continue
        fields = [each.strip() for each in next(csv.reader([content]))] if "," in content else content.split()
        if first and not fields[0].lstrip("-").isdigit():
            _check_names(fields, name, order)
        else:
            yield f"{name}, line {number}", [_integer(each) for each in fields]
        first = False


def _check_names(fields: list[str], name: str, order: Order) -> None:
    named = ",".join(field.lower() for field in fields)
    if named != order:
        raise ValueError(f"{name} names its columns {named!r}, but the order was declared as {order!r}")


def _integer(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def _pair(fields: list[Any], where: str) -> tuple[int, int]:
    whole = [each for each in fields if isinstance(each, int) and not isinstance(each, bool) and each >= 0]
    if len(fields) != 2 or len(whole) != 2:
        raise ValueError(f"{where}: {fields} is no pixel; expected two integers from 0")
    return whole[0], whole[1]
