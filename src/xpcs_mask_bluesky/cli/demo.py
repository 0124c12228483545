"""``xpcs-mask demo``."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import JsonOption

if TYPE_CHECKING:
    from rich.console import Console

    from xpcs_mask_bluesky.demo.story import DemoResult


def demo(
    directory: Annotated[
        Path, typer.Option("--dir", help="Where the catalogue lives; it survives, and a second demo goes on.")
    ] = Path("xpcs-mask-demo"),
    frames: Annotated[int, typer.Option(min=50, help="Frames of each correlated run.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Run a simulated beamline, publish its partitions, and measure a diffusion coefficient with one.

    Example: xpcs-mask demo --dir ~/xpcs-mask-demo
    """
    from rich.console import Console

    from xpcs_mask_bluesky.demo.story import DemoError, run_demo

    logging.getLogger("bluesky").setLevel(logging.WARNING)
    console = Console(quiet=as_json)
    started = time.monotonic()
    try:
        result = run_demo(directory, frames=frames, seed=seed, say=lambda line: console.print(f"• {line}"))
    except (DemoError, OSError) as error:
        typer.echo(f"xpcs-mask demo: {error}", err=True)
        raise typer.Exit(1) from error
    seconds = time.monotonic() - started
    if as_json:
        facts = asdict(result) | {"holds": result.holds, "seconds": seconds}
        typer.echo(json.dumps(facts, default=str))
    else:
        _show(console, result, seconds)
    raise typer.Exit(0 if result.holds else 1)


def _show(console: Console, result: DemoResult, seconds: float) -> None:
    from xpcs_mask_bluesky.demo.table import runs_table

    console.print(runs_table(result.rows))
    if result.earlier_entries:
        console.print(f"The directory held {result.earlier_entries} log entries from before; they stay.")
    for name, value in (("the run's partition", result.fitted), ("the transposed map", result.transposed)):
        off = 100 * (value / result.simulated - 1)
        console.print(
            f"D fitted with {name}: {value:.4g} Å²/s, {off:+.1f} % from the simulated", highlight=False
        )
    console.print(f"D simulated: {result.simulated:.4g} Å²/s", highlight=False)
    console.print(f"partition for correlators: {result.qmap_file}\npicture: {result.figure}", soft_wrap=True)
    verdict = "[green]holds[/]" if result.holds else "[red]does not hold[/]"
    console.print(f"Right map within 5 %, transposed off by over 15 %: {verdict} ({seconds:.0f} s in all)")
