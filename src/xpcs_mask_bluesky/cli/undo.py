"""``xpcs-mask undo``."""

from __future__ import annotations

from typing import Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import CatalogOption, DetectorOption, JsonOption, PathOption
from xpcs_mask_bluesky.cli.edit_options import (
    AuthorOption,
    ExpectOption,
    LayerOption,
    ReasonOption,
    edited,
    once_or_more,
)


def undo(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    steps: Annotated[int, typer.Option(min=1, help="How many states to go back.")] = 1,
    layer: LayerOption = "mask",
    author: AuthorOption = None,
    reason: ReasonOption = "",
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back the newest change of a mask; redo returns it, and the log keeps both.

    Example: xpcs-mask undo --catalog /data/xpcs --detector eiger4M --reason "too wide"
    """
    edited(
        "undo",
        (catalog, path, detector),
        (layer, author, reason, expect),
        lambda edit, _: once_or_more(edit.undo, steps),
        as_json=as_json,
    )
