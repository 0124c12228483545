"""``xpcs-mask diff``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    CatalogOption,
    DetectorOption,
    JsonOption,
    PathOption,
    opened,
    the_detector,
)
from xpcs_mask_bluesky.cli.points import POINT, point

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.difference import MaskDifference


def diff(  # noqa: PLR0917  typer's options
    a: Annotated[str, typer.Argument(metavar="A", help=POINT)],
    b: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    name: Annotated[str, typer.Option(help="Of the recipe whose bins are told.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Tell what changed in a mask from A to B: pixels, operations, and what each dynamic bin lost.

    Example: xpcs-mask diff 12 2026-11-25T03:00 --catalog /data/xpcs
    """
    with opened("diff", catalog, path) as found:
        changed = the_detector(found, detector).diff(point(a), point(b), name=name)
        typer.echo(json.dumps(_facts(changed)) if as_json else repr(changed))


def _facts(changed: MaskDifference) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "lost": int(changed.lost.sum()),
        "gained": int(changed.gained.sum()),
        "operations": list(changed.operations),
    }
    try:
        bins = changed.bins
    except LookupError as error:  # no partition tells the bins yet
        return facts | {"bins": None, "bins_unknown": str(error)}
    told = ("index", "before", "lost", "gained")
    return facts | {"bins": [{each: getattr(one, each) for each in told} for one in bins]}
