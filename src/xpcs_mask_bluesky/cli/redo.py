"""``xpcs-mask redo``."""

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


def redo(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    steps: Annotated[int, typer.Option(min=1, help="How many states to go ahead.")] = 1,
    layer: LayerOption = "mask",
    author: AuthorOption = None,
    reason: ReasonOption = "",
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Return a change of a mask that undo took back.

    Example: xpcs-mask redo --catalog /data/xpcs --detector eiger4M --reason "it was right"
    """
    edited(
        "redo",
        (catalog, path, detector),
        (layer, author, reason, expect),
        lambda edit, _: once_or_more(edit.redo, steps),
        as_json=as_json,
    )
