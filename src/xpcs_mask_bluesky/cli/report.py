"""``xpcs-mask report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    CatalogOption,
    DetectorOption,
    JsonOption,
    PathOption,
    opened,
    the_detector,
)


def report(  # noqa: PLR0917  typer's options
    output: Annotated[Path, typer.Option("--output", "-o", help="The page: a .png or .pdf file.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    run: Annotated[str | None, typer.Option(help="Uid of a run; by default the newest partition.")] = None,
    name: Annotated[str, typer.Option(help="Of the recipe.")] = "default",
    event: Annotated[
        int | None, typer.Option(help="Of a run with several partitions: an event of it, from 1.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one page about a partition, for the logbook: image, mask, labels, bins, geometry, history.

    Example: xpcs-mask report --catalog /data/xpcs --run 3f9a12c7-8e51-4c2a-9d0e-55d1f7a90b1c -o report.pdf
    """
    with opened("report", catalog, path) as found:
        node = the_detector(found, detector)
        use = node.partition(run=run, name=name, event=event)
        written = node.report(output, run=run, name=name, event=event)
        facts = {"path": str(written), "detector": node.name, "run": use.run_uid, "partition": use.digest}
    if as_json:
        typer.echo(json.dumps(facts))
    else:
        typer.echo(f"{facts['path']}: {node.name}, run {use.run_uid}, partition {use.digest[:12]}")
