"""How a command that takes run documents is told which detectors to watch: by a file, or one by options.

A command takes the options below and gives them to :func:`watch_list`, within ``reported`` or ``opened``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.watchlist import WatchList

WatchOption = Annotated[
    Path | None, typer.Option("--watch", metavar="FILE", help="YAML list of the detectors to watch.")
]
WatchedOption = Annotated[
    str | None, typer.Option("--detector", help="Ophyd name of the only one to watch, instead of --watch.")
]
PresetOption = Annotated[
    str | None, typer.Option("--preset", help="Where its geometry is, such as ophyd-eiger.")
]
SourceOption = Annotated[
    Path | None, typer.Option("--source", metavar="FILE", help="The same as YAML of your own.")
]
ValuesOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="What a $NAME of preset or source stands for."),
]
RecipeOption = Annotated[
    Path | None,
    typer.Option(
        "--recipe", metavar="FILE", help="JSON or YAML; by default the one in force in the catalogue."
    ),
]
NameOption = Annotated[str, typer.Option("--name", help="Of the recipe.")]
ExportOption = Annotated[
    Path | None,
    typer.Option("--export-to", metavar="DIR", help="Where each partition's /qmap file goes."),
]


def watch_list(
    watch: Path | None,
    *,
    detector: str | None = None,
    preset: str | None = None,
    source: Path | None = None,
    values: list[str] | None = None,
    recipe: Path | None = None,
    name: str = "default",
    export_to: Path | None = None,
) -> WatchList:
    """Return what to watch, as the options give it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The options do not say what to watch, say it twice, or a file is not what it should be.
    """
    from xpcs_mask_bluesky.callbacks.watchlist import WatchList

    one = (detector, preset, source, values, recipe, export_to)
    if watch is not None:
        if any(one) or name != "default":
            raise ValueError("--watch FILE says all about its detectors; leave the other options out")
        return WatchList.from_yaml(watch)
    if detector is None:
        raise ValueError("expected --watch FILE, or --detector NAME with --preset or --source")
    if (preset is None) == (source is None):
        raise ValueError(f"expected one of --preset and --source, where the geometry of {detector} is")
    return WatchList.single(
        detector,
        source or preset or "",
        values=_values(values or []),
        recipe=recipe,
        name=name,
        export_to=export_to,
    )


def _values(given: list[str]) -> dict[str, Any]:
    """Return what ``NAME=VALUE`` pairs say.

    Raises:
        ValueError: One has no ``=``.
    """
    pairs = [each.partition("=") for each in given]
    for name, equals, _ in pairs:
        if not (name and equals):
            raise ValueError(f"--set {name!r} is no NAME=VALUE, such as rows=1062")
    return {name: value for name, _, value in pairs}
