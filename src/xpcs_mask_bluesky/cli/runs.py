"""``xpcs-mask runs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import CatalogOption, DetectorOption, JsonOption, PathOption, opened
from xpcs_mask_bluesky.cli.points import moment
from xpcs_mask_bluesky.store.entry_words import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xpcs_mask_bluesky.store.clients import XPCSDetector


def runs(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    partition: Annotated[
        str | None, typer.Option(help="Only those of this digest, or its beginning.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Published after this revision, or from this time on.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs that have a partition, oldest first: which events have which.

    Example: xpcs-mask runs --catalog /data/xpcs --partition 3f9a12c78e51
    """
    with opened("runs", catalog, path) as found:
        names = sorted(found)
        if detector is not None and detector not in names:
            raise LookupError(f"there is no detector {detector!r}; there is {', '.join(names) or 'none'}")
        start = 0 if since is None else moment(since)
        uses = [
            each
            for name in (names if detector is None else [detector])
            for each in _uses(found[name], start)
            if each["partition"].startswith(partition or "")
        ]
    uses.sort(key=lambda each: each["published"])
    if partition is not None and not uses:
        typer.echo(f"xpcs-mask runs: no run used a partition {partition}", err=True)
        raise typer.Exit(1)
    typer.echo(json.dumps(uses) if as_json else "\n".join(map(_line, uses)) or "no run has a partition yet")


def _uses(node: XPCSDetector, start: float) -> Iterator[dict[str, Any]]:
    revision = start if isinstance(start, int) else 0
    for entry in node.commits.after(revision, ["run use"]):
        if isinstance(start, int) or entry.time >= start:
            told = ("partition", "name", "stream", "first_seq_num", "last_seq_num", "mask_revision")
            yield {
                "run": entry.lineage["run_uid"],
                "detector": node.name,
                **{each: entry.body[each] for each in told},
                "revision": entry.seq,
                "published": entry.time,
            }


def _line(use: dict[str, Any]) -> str:
    last = use["last_seq_num"] or "end"
    events = f"{use['stream']} {use['first_seq_num']} to {last}"
    return (
        f"{clock(use['published'])}  {use['run']}  {use['detector']}  {events}  {use['name']}  "
        f"partition {use['partition'][:12]}  mask revision {use['mask_revision']}"
    )
