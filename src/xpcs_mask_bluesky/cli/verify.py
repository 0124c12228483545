"""``xpcs-mask verify``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import NO, DetectorOption, JsonOption, PathOption, opened, reported

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition
    from xpcs_mask_bluesky.store.clients import XPCSDetector

DIGEST = re.compile("[0-9a-f]{8,64}")


def verify(
    what: Annotated[
        str, typer.Argument(metavar="FILE|DIGEST", help="A /qmap file, or a partition's digest.")
    ],
    catalog: Annotated[
        str | None,
        typer.Option(
            "--catalog",
            envvar="XPCS_MASK_CATALOG",
            metavar="DIR|URI",
            help="Where a digest is looked up: directory of the catalogue, or address of its Tiled server.",
        ),
    ] = None,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a partition anew from its geometry, mask and recipe, and compare its digest.

    A file of another program has no digest: its datasets and its hash are checked. Exit status 3 if anything
    is wrong, 1 if it cannot be verified.

    Example: xpcs-mask verify qmap.hdf
    """
    if Path(what).is_file():
        with reported("verify"):
            facts = _of_file(Path(what))
    else:
        facts = _of_digest(what, catalog, path, detector)
    typer.echo(json.dumps(facts) if as_json else _words(facts))
    raise typer.Exit(0 if facts["ok"] else NO)


def recomputed(part: Partition) -> str:
    """Return the digest that a partition's geometry, mask, blemish and recipe lead to."""
    from xpcs_mask_bluesky.partitions import partition
    from xpcs_mask_bluesky.qmap import q_map

    again = partition(q_map(part.record), part.mask, part.requested, part.blemish, resolved=part.recipe)
    return again.digest


def _of_file(path: Path) -> dict[str, Any]:
    from xpcs_mask_bluesky.files.qmap_check import check_qmap_file

    report = check_qmap_file(path)
    facts: dict[str, Any] = {"what": str(path), "version": report.version, "problems": list(report.problems)}
    if report.partition is not None:
        facts |= _compared(report.partition, report.partition.digest)
    return facts | {"ok": not facts["problems"] and facts.get("recomputed") == facts.get("digest")}


def _of_digest(digest: str, catalog: str | None, path: str, detector: str | None) -> dict[str, Any]:
    with reported("verify"):
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is neither a file nor a digest (8 to 64 hexadecimal characters)")
        if catalog is None:
            raise ValueError("a digest is looked up in a catalogue: pass --catalog DIR|URI")
    with opened("verify", catalog, path) as found:
        for name in sorted(found) if detector is None else [detector]:
            matching = [key for key in found[name]["partitions"] if key.startswith(digest)]
            if len(matching) > 1:
                raise ValueError(f"{digest} is the beginning of {len(matching)} digests; give more of it")
            if matching:
                return _of_stored(found[name], matching[0])
        raise LookupError(f"no partition {digest} in {catalog}")


def _of_stored(detector: XPCSDetector, digest: str) -> dict[str, Any]:
    from xpcs_mask_bluesky.store.errors import DamagedData

    facts: dict[str, Any] = {"what": digest, "detector": detector.name, "problems": []}
    try:
        facts |= _compared(detector.stored.get(digest).read(), digest)
    except DamagedData as error:
        facts["problems"] = [str(error)]
    return facts | {"ok": facts.get("recomputed") == digest}


def _compared(part: Partition, digest: str) -> dict[str, Any]:
    return {"digest": digest, "recomputed": recomputed(part)}


def _words(facts: dict[str, Any]) -> str:
    lines = [f"{facts['what']}: {each}" for each in facts["problems"]]
    if "digest" in facts:
        same = facts["recomputed"] == facts["digest"]
        lines.append(
            f"digest {facts['digest']}, computed anew: the same"
            if same
            else f"digest {facts['digest']}, but geometry, mask and recipe lead to {facts['recomputed']}"
        )
    elif not facts["problems"]:
        lines.append(f"{facts['what']} is as readers expect it, hash included (version {facts['version']})")
    return "\n".join(lines)
