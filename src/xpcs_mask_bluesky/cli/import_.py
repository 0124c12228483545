"""``xpcs-mask import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import CatalogOption, DetectorOption, JsonOption, PathOption
from xpcs_mask_bluesky.cli.edit_options import AuthorOption, ExpectOption, LayerOption, ReasonOption, edited
from xpcs_mask_bluesky.cli.partition import ORIENTATION, POLARITY

if TYPE_CHECKING:
    from xpcs_mask_bluesky.masks import Operation

LISTS = (".json", ".csv", ".txt")
"""Suffixes of lists of pixels."""


def import_(  # noqa: PLR0917  typer's options
    file: Annotated[Path, typer.Argument(help="A mask, a list of pixels, or with --qmap a /qmap file.")],
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    detector: DetectorOption = None,
    polarity: Annotated[str | None, typer.Option(metavar="good|bad|pixel_mask", help=POLARITY)] = None,
    orientation: Annotated[str | None, typer.Option(metavar="INDICES", help=ORIENTATION)] = None,
    dataset: Annotated[str | None, typer.Option(help="Path inside an HDF5 mask.")] = None,
    order: Annotated[
        str | None, typer.Option(metavar="row,column|column,row", help="Of a list of pixels, from 0.")
    ] = None,
    qmap: Annotated[bool, typer.Option("--qmap", help="Take the mask of another program's /qmap.")] = False,
    layer: LayerOption = "mask",
    author: AuthorOption = None,
    reason: ReasonOption = "",
    expect: ExpectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Apply the mask or the pixels of a file, as one operation; the catalogue keeps the pixels.

    Masks: TIFF, HDF5, NPY, EDF, CBF, .msk. Lists: .json, .csv, .txt. Nothing is guessed: what a file does not
    tell is declared. With --layer blemish it becomes the detector's own; --qmap then takes its blemish.

    Example: xpcs-mask import bad.tif --polarity bad --orientation row,column --catalog /data/xpcs
    """

    def change(edit: Any, node: Any) -> None:
        if qmap:
            operation = _of_qmap(file, layer)
        elif file.suffix.lower() in LISTS:
            operation = _of_list(file, order)
        else:
            operation = _of_mask(file, node.shape, (polarity, orientation, dataset), layer)
        edit.apply(operation)

    how = (layer, author, reason, expect)
    edited("import", (catalog, path, detector), how, change, as_json=as_json)


def _of_qmap(file: Path, layer: str) -> Operation:
    from xpcs_mask_bluesky.files.foreign_qmap import read_foreign_qmap

    read = read_foreign_qmap(file)
    for repair in read.repairs:
        typer.echo(f"xpcs-mask import: {file.name}: {repair}", err=True)
    return read.blemish_operation() if layer == "blemish" else read.file_mask()


def _of_list(file: Path, order: Any) -> Operation:
    from xpcs_mask_bluesky.files.pixel_lists import read_pixels

    if order is None:
        raise ValueError(f"{file.name} is a list of pixels; declare --order row,column or column,row")
    return read_pixels(file, order=order)


def _of_mask(file: Path, shape: tuple[int, int], declared: tuple[Any, Any, Any], layer: str) -> Operation:
    from xpcs_mask_bluesky.files.images import read_mask
    from xpcs_mask_bluesky.masks import Blemish, FileMask

    polarity, orientation, dataset = declared
    if polarity is None or orientation is None:
        raise ValueError(
            f"{file.name} does not tell what it means; declare --polarity good|bad|pixel_mask and "
            "--orientation row,column (or another)"
        )
    good = read_mask(file, shape=shape, polarity=polarity, orientation=orientation, dataset=dataset)
    kind = Blemish if layer == "blemish" else FileMask
    return kind.from_array(good, source=file.name)
