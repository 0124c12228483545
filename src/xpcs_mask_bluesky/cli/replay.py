"""``xpcs-mask replay``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import FAILED, CatalogOption, JsonOption, PathOption, opened
from xpcs_mask_bluesky.cli.points import point
from xpcs_mask_bluesky.cli.watch_options import (
    ExportOption,
    NameOption,
    PresetOption,
    RecipeOption,
    SourceOption,
    ValuesOption,
    WatchedOption,
    WatchOption,
    watch_list,
)

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.replay.replayer import Outcome, Replay
    from xpcs_mask_bluesky.replay.selection import Runs, Selection

RUNS = "Which runs"
WHERE_RUNS = "Where the runs are"


def replay(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    run: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="UID", help="One run; again for another.", rich_help_panel=RUNS),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Runs that began then or later.", rich_help_panel=RUNS)
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Runs that began before.", rich_help_panel=RUNS)
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Runs whose start document says so: sample=silica, scan_id=7, plan.kind=xpcs.",
            rich_help_panel=RUNS,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All there are.", rich_help_panel=RUNS)] = False,
    tiled: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Another Tiled server than the catalogue's (key: TILED_API_KEY).",
            rich_help_panel=WHERE_RUNS,
        ),
    ] = None,
    raw: Annotated[
        str, typer.Option(help="Tiled container that holds the runs.", rich_help_panel=WHERE_RUNS)
    ] = "raw",
    databroker: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A databroker catalogue.", rich_help_panel=WHERE_RUNS),
    ] = None,
    watch: WatchOption = None,
    detector: WatchedOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    values: ValuesOption = None,
    recipe: RecipeOption = None,
    name: NameOption = "default",
    export_to: ExportOption = None,
    workers: Annotated[
        int, typer.Option(min=0, help="Compute in so many processes, by dask; by default in this one.")
    ] = 0,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on the workers of a scheduler of dask's.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish the partitions of past runs, as if the callback had been there.

    Nothing is published twice. Stopped at any moment and started again, it goes on with what is left. A run
    that cannot have a partition is said at the end, and the status is 1 then; the others go on.

    Example: xpcs-mask replay --catalog /data/xpcs --since 2026-11-01 --detector eiger4M --preset ophyd-eiger
    """
    with opened("replay", catalog, path) as found:
        from xpcs_mask_bluesky.replay.replayer import Replay

        watched = watch_list(
            watch,
            detector=detector,
            preset=preset,
            source=source,
            values=values,
            recipe=recipe,
            name=name,
            export_to=export_to,
        )
        selection = _selection(run, since, until, where, every=every)
        with _runs(found, tiled, raw, databroker) as runs:
            facts = _replayed(lambda: Replay(found, watched, runs, selection), workers, scheduler)
    _say(facts, as_json=as_json)
    raise typer.Exit(FAILED if facts["failed"] else 0)


def _selection(
    run: list[str] | None, since: str | None, until: str | None, where: list[str] | None, *, every: bool
) -> Selection:
    from xpcs_mask_bluesky.replay.selection import Selection

    if not (run or since or until or where or every):
        raise ValueError("expected --run UID, --since or --until TIME, --where KEY=VALUE, or --all")
    return Selection(
        uids=tuple(run or ()),
        since=None if since is None else _seconds(since),
        until=None if until is None else _seconds(until),
        where=dict(map(_said, where or ())),
        every=every,
    )


def _seconds(text: str) -> float:
    from datetime import datetime

    when = point(text)
    if not isinstance(when, datetime):
        raise ValueError(f"{text!r} is no time such as 2026-11-25T03:00")
    return when.timestamp()


def _said(text: str) -> tuple[str, Any]:
    """Return what ``KEY=VALUE`` says; a value that is no JSON is a text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError(f"--where {text!r} is no KEY=VALUE, such as sample=silica")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@contextmanager
def _runs(catalog: MaskCatalog, tiled: str | None, raw: str, databroker: str | None) -> Iterator[Runs]:
    """Yield where the runs are: beside the partitions, unless something else is said."""
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.replay.databroker import BrokerRuns
    from xpcs_mask_bluesky.replay.tiled import TiledRuns

    if tiled is not None and databroker is not None:
        raise ValueError("the runs are at --tiled or in --databroker, not in both")
    if databroker is not None:
        yield BrokerRuns.named(databroker)
    elif tiled is not None:
        with MaskCatalog.open(tiled) as other:
            yield TiledRuns.at(other.client, raw)
    else:
        yield TiledRuns.at(catalog.client, raw, name=f"{raw} beside the partitions")  # its port may change


def _replayed(make: Callable[[], Replay], workers: int, scheduler: str | None) -> dict[str, Any]:
    from xpcs_mask_bluesky.cli.progress import bar
    from xpcs_mask_bluesky.replay.computing import computing

    began = time.time()
    job = make()
    outcomes: list[Outcome] = []
    if job.left:
        with computing(workers, scheduler) as where:
            outcomes += bar(job.outcomes(where), "replay", total=len(job.left))
    return _facts(job, outcomes, time.time() - began)


def _facts(job: Replay, outcomes: list[Outcome], seconds: float) -> dict[str, Any]:
    return {
        "runs": len(job.found),
        "done_before": len(job.found) - len(job.left),
        "published": sum(each.published for each in outcomes),
        "told_nothing": sum(not each.uses and not each.failures for each in outcomes),
        "failed": [{"run": each.uid, "why": list(each.failures)} for each in outcomes if each.failures],
        "notes": job.notes,
        "seconds": round(seconds, 3),
        "seconds_computing": round(sum(each.seconds for each in outcomes), 3),
    }


def _say(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts))
        return
    for note in facts["notes"]:
        typer.echo(note)
    for each in facts["failed"]:
        for why in each["why"]:
            typer.echo(f"{each['run']}: {why}", err=True)
    failed = f", {len(facts['failed'])} FAILED" if facts["failed"] else ""
    typer.echo(
        f"{facts['runs']} runs: {facts['published']} partitions published, {facts['done_before']} runs done "
        f"before, {facts['told_nothing']} without this detector{failed}; {facts['seconds']:.0f} s"
    )
