"""``xpcs-mask check``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    NO,
    CatalogOption,
    DetectorOption,
    JsonOption,
    PathOption,
    opened,
    the_detector,
)


def check(  # noqa: PLR0917  typer reads the parameters
    run: Annotated[str, typer.Argument(help="Uid of the run, or its beginning.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    pixels: Annotated[
        float, typer.Option(help="Fraction of all pixels that may change dynamic bin.")
    ] = 0.005,
    one_bin: Annotated[float, typer.Option(help="Fraction of one bin's pixels that may change.")] = 0.05,
    as_json: JsonOption = False,
) -> None:
    """Say whether the partition of a run still fits the mask and recipe now; status 0 if so, 3 if stale.

    It is made anew from the geometry that was measured, and compared. More pixels in another bin than
    --pixels or --one-bin allow make it stale; where the detector stands now is told, and makes nothing stale.

    Example: xpcs-mask check 4d77bd82-6f0e-4c4e-9b3f-0d1c9e1a2b3c --catalog /data/xpcs
    """
    with opened("check", catalog, path) as found:
        from xpcs_mask_bluesky.store.check import check_run
        from xpcs_mask_bluesky.store.staleness import Tolerance

        node = the_detector(found, detector)
        checked = check_run(node, run, tolerance=Tolerance(pixels=pixels, one_bin=one_bin))
    if as_json:
        typer.echo(json.dumps(checked.to_json()))
    else:
        verdict = "STALE" if checked.stale else "right"
        typer.echo(f"run {checked.run[:8]} of {checked.detector}: {verdict}")
        for part in checked.parts:
            last = part.last_seq_num or "end"
            state = "STALE" if part.stale else "right"
            typer.echo(
                f"  {part.name}, {part.stream} {part.first_seq_num} to {last}: {part.partition[:12]} {state}"
            )
            for line in part.said:
                typer.echo(f"    {line}")
        for alarm in checked.alarms:
            typer.echo(f"  ALARM: {alarm}")
    raise typer.Exit(NO if checked.stale else 0)
