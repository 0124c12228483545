"""``xpcs-mask fsck``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import (
    NO,
    CatalogOption,
    DetectorOption,
    JsonOption,
    PathOption,
    opened,
    the_detector,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.store.fsck import Finding


def fsck(
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Make again what the log tells how, if its digest comes out right."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look at a catalogue piece by piece: log, masks, arrays, partitions; status 3 if damage is left.

    What is only left over (named by no log entry) is told too, and harms nobody.

    Example: xpcs-mask fsck --catalog /data/xpcs
    """
    with opened("fsck", catalog, path) as found:
        names = sorted(found) if detector is None else [the_detector(found, detector).name]
        facts = [fact for name in names for fact in _looked_at(found, name, repair=repair)]
    left = sum(each["damage"] and not each["repaired"] for each in facts)
    if as_json:
        typer.echo(json.dumps({"detectors": names, "findings": facts, "damage": left}))
    else:
        for each in facts:
            typer.echo(each["said"])
        typer.echo(_verdict(names, facts, left))
    raise typer.Exit(NO if left else 0)


def _looked_at(catalog: MaskCatalog, name: str, *, repair: bool) -> Iterator[dict[str, Any]]:
    from xpcs_mask_bluesky.cli.progress import bar
    from xpcs_mask_bluesky.store.fsck import check_detector
    from xpcs_mask_bluesky.store.layout import PARTITIONS

    directory = None if catalog.directory is None else Path(catalog.directory) / PARTITIONS
    for finding in check_detector(catalog[name], directory=directory, progress=bar):
        said, repaired = finding.describe(), False
        if repair and finding.repair is not None:
            repaired, said = _repaired(finding)
        told = {each: getattr(finding, each) for each in ("detector", "where", "what", "remedy", "damage")}
        yield told | {"repaired": repaired, "said": said}


def _repaired(finding: Finding) -> tuple[bool, str]:
    """Mend what was found; return whether that went well, and a line."""
    from xpcs_mask_bluesky.store.fsck import UNREADABLE

    if finding.repair is None:
        return False, finding.describe()
    try:
        finding.repair()
    except (*UNREADABLE, LookupError) as error:
        return False, f"{finding.describe()}; NOT REPAIRED: {words_of(error)}"
    return True, f"repaired: {finding.detector}/{finding.where}: {finding.what}"


def _verdict(names: list[str], facts: list[dict[str, Any]], left: int) -> str:
    rest = sum(not each["damage"] for each in facts)
    mended = sum(each["repaired"] for each in facts)
    state = f"{left} DAMAGED" if left else "whole"
    more = [f"{mended} repaired" if mended else "", f"{rest} left over" if rest else ""]
    return ", ".join([f"{', '.join(names) or 'no detector'}: {state}", *(each for each in more if each)])
