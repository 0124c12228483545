"""``xpcs-mask log``."""

from __future__ import annotations

import json
from dataclasses import asdict
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
from xpcs_mask_bluesky.cli.points import moment
from xpcs_mask_bluesky.store.entry_words import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xpcs_mask_bluesky.store.log import LogEntry


def log(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only of this kind; may be repeated.")] = None,
    since: Annotated[
        str | None, typer.Option(help="After this revision, or from this time on (2026-11-25T03:00).")
    ] = None,
    last: Annotated[int | None, typer.Option("-n", min=1, help="Only the newest so many.")] = None,
    strip: Annotated[
        str | None,
        typer.Option(metavar="mask|blemish", help="Instead the states of a layer, with the pointer."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what was done to a detector, oldest first: entry, time, kind, author, and what it says.

    Example: xpcs-mask log --catalog /data/xpcs --kind mask --since 2026-11-25T03:00
    """
    with opened("log", catalog, path) as found:
        node = the_detector(found, detector)
        if strip is not None:
            history = node.history(strip)  # type: ignore[arg-type]  checked there
            typer.echo(json.dumps(_states(history)) if as_json else repr(history))
            return
        entries = _entries(node, kind, since)[-(last or 0) :]
    typer.echo(json.dumps([asdict(each) for each in entries]) if as_json else "\n".join(_table(entries)))


def _entries(node: Any, kinds: list[str] | None, since: str | None) -> list[LogEntry]:
    start = 0 if since is None else moment(since)
    after = start if isinstance(start, int) else 0
    from_time = start if isinstance(start, float) else 0.0
    return [each for each in node.commits.after(after, kinds or None) if each.time >= from_time]


def _states(history: Any) -> dict[str, Any]:
    changes = [history.change(number) for number in range(len(history.states))]
    return {"pointer": history.pointer, "states": changes, "labels": list(history.labels)}


def _table(entries: Sequence[LogEntry]) -> Iterator[str]:
    """Yield a line for each entry, the columns as wide as they need to be."""
    from xpcs_mask_bluesky.store.entry_words import entry_words

    if not entries:
        yield "no entry"
        return
    rows = [
        (str(each.seq), clock(each.time), each.kind, each.author or "unknown", entry_words(each))
        for each in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        yield "  ".join([*cells, row[4]]).rstrip()
