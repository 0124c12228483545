"""``xpcs-mask export``."""

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
from xpcs_mask_bluesky.cli.partition import ORIENTATION
from xpcs_mask_bluesky.cli.points import POINT, point

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks import Mask
    from xpcs_mask_bluesky.store.clients import XPCSDetector

WHAT = ("mask", "blemish", "partition")


def export(  # noqa: PLR0917  typer's options
    what: Annotated[str, typer.Argument(metavar="mask|blemish|partition", help="What to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file; its suffix tells the format.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    of: Annotated[str | None, typer.Option("--at", help=f"For a mask: {POINT} By default now.")] = None,
    polarity: Annotated[
        str | None, typer.Option(metavar="good|bad|pixel_mask", help="For a mask: what 1 means in the file.")
    ] = None,
    orientation: Annotated[str, typer.Option(metavar="INDICES", help=ORIENTATION)] = "row,column",
    run: Annotated[str | None, typer.Option(help="For a partition: uid of its run.")] = None,
    event: Annotated[int | None, typer.Option(help="Of a run with several partitions, from 1.")] = None,
    name: Annotated[str, typer.Option(help="Of the recipe.")] = "default",
    digest: Annotated[str | None, typer.Option(help="For a partition: its digest, or the beginning.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mask (TIFF, HDF5, NPY, EDF, .msk) or a partition (/qmap .hdf, or NXxpcs .nxs) to a file.

    Example: xpcs-mask export mask --polarity bad -o bad.edf --catalog /data/xpcs;
    xpcs-mask export partition --run 3f9a12c7-8e51-4c2a-9d0e-55d1f7a90b1c -o qmap.hdf --catalog /data/xpcs
    """
    with opened("export", catalog, path) as found:
        node = the_detector(found, detector)
        if what == "partition":
            facts = _partition(node, output, digest, {"run": run, "event": event, "name": name})
        elif what in WHAT:
            facts = _mask(node, what, output, of, (polarity, orientation))
        else:
            raise ValueError(f"{what!r} cannot be exported; expected {', '.join(WHAT)}")
    typer.echo(json.dumps(facts) if as_json else f"{facts.pop('path')}: {_words(facts)}")


def _mask(
    node: XPCSDetector, what: str, output: Path, of: str | None, declared: tuple[Any, Any]
) -> dict[str, Any]:
    from xpcs_mask_bluesky.files.mask_writing import write_mask

    polarity, orientation = declared
    if polarity is None:
        raise ValueError("declare what 1 means in the file: --polarity good, bad or pixel_mask")
    mask = _seen(node, what, of)
    write_mask(mask, output, polarity=polarity, orientation=orientation)
    return {
        "path": str(output),
        "detector": node.name,
        "what": what,
        "counted": mask.counted,
        "digest": mask.digest,
        "polarity": polarity,
        "orientation": orientation,
    }


def _seen(node: XPCSDetector, what: str, of: str | None) -> Mask:
    from xpcs_mask_bluesky.store import views

    if of is None:
        return node.mask() if what == "mask" else node.blemish()
    when = point(of)
    if isinstance(when, str) and what == "mask":
        return node.mask(run=when)
    state = views.state_of(node, when)
    return views.mask_in(node, state, None) if what == "mask" else views.blemish_in(node, state)


def _partition(node: XPCSDetector, output: Path, digest: str | None, asked: dict[str, Any]) -> dict[str, Any]:
    from xpcs_mask_bluesky.files.nxxpcs import write_nxxpcs
    from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap

    if output.suffix.lower() not in (".hdf", ".h5", ".hdf5", ".nxs"):
        raise ValueError(f"{output.name} tells no format; expected .hdf (or .h5) for /qmap, .nxs for NXxpcs")
    if digest is None:
        use = node.partition(**asked)
        part, run_uid, revision = use.partition.read(), use.run_uid, str(use.mask_revision)
    else:
        part, run_uid, revision = node.stored.get(_whole(node, digest)).read(), "", ""
    if output.suffix.lower() == ".nxs":
        write_nxxpcs(part, output, run_uid=run_uid)
    else:
        write_qmap(part, output, run_uid=run_uid, mask_revision=revision)
    labels = len(part.dynamic.index_mapping), len(part.static.index_mapping)
    facts = {"path": str(output), "detector": node.name, "run": run_uid, "partition": part.digest}
    return facts | {"dynamic": labels[0], "static": labels[1]}


def _whole(node: XPCSDetector, beginning: str) -> str:
    matching = [key for key in node["partitions"] if key.startswith(beginning)]
    if len(matching) != 1:
        raise LookupError(f"{len(matching)} partitions of {node.name!r} begin with {beginning!r}")
    return matching[0]


def _words(facts: dict[str, Any]) -> str:
    if "polarity" in facts:
        return (
            f"{facts['what']} of {facts['detector']}, {facts['counted']} pixels count; a 1 means "
            f"{facts['polarity']}, indices are {facts['orientation']}"
        )
    run = f" of run {facts['run']}" if facts["run"] else ""
    labels = f"{facts['dynamic']} dynamic and {facts['static']} static labels"
    return f"partition {facts['partition'][:12]} of {facts['detector']}{run}, {labels}"
