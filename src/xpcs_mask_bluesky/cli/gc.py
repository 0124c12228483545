"""``xpcs-mask gc``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    CatalogOption,
    JsonOption,
    PathOption,
    opened,
    place,
    reported,
)

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.garbage import Garbage

DAY = 86400.0


def gc(
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    older: Annotated[
        float, typer.Option("--older", metavar="DAYS", min=0, help="Let alone what is younger.")
    ] = 7.0,
    delete: Annotated[
        bool, typer.Option("--delete", help="Do it: of a directory, while nobody serves or uses it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the arrays and partitions that no log entry names; with --delete, remove them.

    Nothing that an entry names is ever removed, and nothing at all while an entry is missing. A server
    withholds deletion from everybody: of an address the list is all there is, without ages and sizes.

    Example: xpcs-mask gc --catalog /data/xpcs
    """
    if catalog.startswith(("http://", "https://")):
        found = _of_server(catalog, path, delete=delete)
    else:
        with reported("gc"):
            found = _of_directory(Path(place(catalog)), older * DAY, delete=delete)
    facts = [_facts(each) for each in found]
    if as_json:
        typer.echo(json.dumps({"deleted": delete, "garbage": facts}))
        return
    for each in facts:
        typer.echo(_line(each))
    known = [each["size"] for each in facts if each["size"] is not None]
    size = f", {sum(known) / 1e6:.2f} MB" if known else ""
    verb = "removed" if delete else "could be removed"
    typer.echo(f"{len(facts)} {verb}{size}" if facts else "nothing is left over")


def _of_directory(directory: Path, grace: float, *, delete: bool) -> list[Garbage]:
    from xpcs_mask_bluesky.server.remove import remove_garbage
    from xpcs_mask_bluesky.store.garbage import find_garbage

    return remove_garbage(directory, grace=grace) if delete else find_garbage(directory, grace=grace)


def _of_server(catalog: str, path: str, *, delete: bool) -> list[Garbage]:
    with opened("gc", catalog, path) as found:
        from xpcs_mask_bluesky.store.garbage import unnamed

        if delete:
            raise ValueError(
                f"{catalog} is a server, which withholds deletion from everybody; the list is for who runs it"
            )
        return [each for name in sorted(found) for each in unnamed(found[name])]


def _facts(each: Garbage) -> dict[str, Any]:
    days = None if each.stored is None else (time.time() - each.stored) / DAY
    return {"where": each.where, "files": [str(file) for file in each.files], "size": each.size, "days": days}


def _line(fact: dict[str, Any]) -> str:
    age = "" if fact["days"] is None else f", {fact['days']:.1f} days old"
    size = "" if fact["size"] is None else f", {fact['size']} bytes"
    return f"{fact['where']}{size}{age}"
