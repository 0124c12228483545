"""``xpcs-mask show``."""

from __future__ import annotations

import json
from pathlib import Path
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

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.clients import XPCSDetector


def show(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    run: Annotated[str | None, typer.Option(help="Uid of a run, for the picture.")] = None,
    name: Annotated[str, typer.Option(help="Of the recipe.")] = "default",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw mask, rings and labels into this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the mask in force and the newest partition of a detector, or draw them.

    Example: xpcs-mask show --catalog /data/xpcs --detector eiger4M -o eiger4M.png
    """
    with opened("show", catalog, path) as found:
        node = the_detector(found, detector)
        if output is not None:
            node.show(run=run, name=name).savefig(output, dpi=150)
            typer.echo(json.dumps({"path": str(output)}) if as_json else str(output))
            return
        facts = _facts(node, run, name)
        typer.echo(json.dumps(facts) if as_json else _words(facts, repr(node.history())))


def _facts(node: XPCSDetector, run: str | None, name: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"detector": node.name, "shape": list(node.shape), "revision": node.head()}
    try:
        mask = node.mask(run=run)
    except LookupError as error:
        if run is not None:
            raise
        facts["mask"] = {"unknown": str(error)}
    else:
        facts["mask"] = {"counted": mask.counted, "digest": mask.digest}
    try:
        use = node.partition(run=run, name=name)
    except LookupError:
        if run is not None:
            raise
        facts["partition"] = None
        return facts
    part = use.partition.read()
    facts["partition"] = {
        "digest": part.digest,
        "run": use.run_uid,
        "recipe": use.name,
        "dynamic": len(part.dynamic.index_mapping),
        "static": len(part.static.index_mapping),
        "mask_revision": use.mask_revision,
    }
    return facts


def _words(facts: dict[str, Any], history: str) -> str:
    rows, columns = facts["shape"]
    mask, part = facts["mask"], facts["partition"]
    told = mask.get("unknown") or f"{mask['counted']} of {rows * columns} pixels count"
    lines = [f"{facts['detector']}: {rows} × {columns} pixels, revision {facts['revision']}", f"mask: {told}"]
    lines += [f"  {line}" for line in history.splitlines()]
    if part is None:
        return "\n".join([*lines, "no partition is published yet"])
    lines.append(
        f"partition {part['digest'][:12]} of run {part['run']}: {part['dynamic']} dynamic and "
        f"{part['static']} static labels, recipe {part['recipe']!r}, mask revision {part['mask_revision']}"
    )
    return "\n".join(lines)
