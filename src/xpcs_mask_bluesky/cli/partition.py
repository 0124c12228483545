"""``xpcs-mask partition``."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import JsonOption, reported

if TYPE_CHECKING:
    import numpy as np

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import Partition

POLARITY = "What a pixel is that is not zero: good, bad or pixel_mask (NeXus bits)."
ORIENTATION = (
    "What the file's two indices count: row,column; column,row of a transposed file; - from the end."
)


def partition(  # noqa: PLR0917  typer's options
    output: Annotated[Path, typer.Option("--output", "-o", help="The /qmap file to write.")],
    recipe: Annotated[Path, typer.Option(help="JSON or YAML of a PartitionRecipe.")],
    mask: Annotated[Path, typer.Option(help="TIFF, HDF5, NPY, EDF, CBF or .msk.")],
    mask_polarity: Annotated[str, typer.Option(metavar="good|bad|pixel_mask", help=POLARITY)],
    mask_orientation: Annotated[str, typer.Option(metavar="INDICES", help=ORIENTATION)],
    mask_dataset: Annotated[str | None, typer.Option(help="Path inside an HDF5 mask.")] = None,
    blemish: Annotated[Path | None, typer.Option(help="The detector's own mask.")] = None,
    blemish_polarity: Annotated[str | None, typer.Option(help="By default the mask's.")] = None,
    blemish_orientation: Annotated[str | None, typer.Option(help="By default the mask's.")] = None,
    blemish_dataset: Annotated[str | None, typer.Option(help="Path inside an HDF5 blemish.")] = None,
    geometry: Annotated[Path | None, typer.Option(help="JSON or YAML of a GeometryRecord.")] = None,
    poni: Annotated[Path | None, typer.Option(help="PONI file of pyFAI.")] = None,
    metadata: Annotated[Path | None, typer.Option(help="*_metadata.hdf of APS 8-ID.")] = None,
    shape: Annotated[
        tuple[int, int] | None, typer.Option(help="Rows and columns, where PONI or metadata tell none.")
    ] = None,
    energy: Annotated[float | None, typer.Option(help="In keV, for a PONI file without wavelength.")] = None,
    swing: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Horizontal and vertical, in degrees, for metadata that tell none."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a partition from files, without Bluesky or a catalogue, for a correlator.

    Example: xpcs-mask partition --geometry geometry.yml --mask mask.tif --mask-polarity good
    --mask-orientation row,column --recipe recipe.yml -o qmap.hdf
    """
    with reported("partition"), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        record = _record(geometry, poni, metadata, shape=shape, energy=energy, swing=swing)
        counted = _mask(mask, record, mask_dataset, mask_polarity, mask_orientation)
        own = (blemish_dataset, blemish_polarity or mask_polarity, blemish_orientation or mask_orientation)
        good = None if blemish is None else _mask(blemish, record, *own)
        part = _made(record, counted, good, recipe, output)
        facts = _facts(part, output, [str(each.message) for each in said])
    typer.echo(json.dumps(facts) if as_json else _words(facts))


def _record(
    geometry: Path | None,
    poni: Path | None,
    metadata: Path | None,
    *,
    shape: tuple[int, int] | None,
    energy: float | None,
    swing: tuple[float, float] | None,
) -> GeometryRecord:
    from xpcs_mask_bluesky.files.declared import read_geometry
    from xpcs_mask_bluesky.files.metadata_hdf import read_8id_metadata
    from xpcs_mask_bluesky.geometry import GeometryRecord

    if sum(each is not None for each in (geometry, poni, metadata)) != 1:
        raise ValueError("expected one of --geometry, --poni and --metadata")
    if geometry is not None:
        return read_geometry(geometry)
    if poni is not None:
        return GeometryRecord.from_poni(poni, shape=shape, incident_energy=energy)
    if metadata is None or shape is None:
        raise ValueError("--metadata needs --shape ROWS COLUMNS, which these files do not hold")
    return read_8id_metadata(metadata, shape=shape, swing=swing)


def _mask(
    path: Path, record: GeometryRecord, dataset: str | None, polarity: str, orientation: str
) -> np.ndarray:
    from xpcs_mask_bluesky.files.images import read_mask

    declared: dict[str, Any] = {"polarity": polarity, "orientation": orientation}
    return read_mask(path, shape=record.shape, dataset=dataset, **declared)


def _made(
    record: GeometryRecord, counted: np.ndarray, good: np.ndarray | None, recipe: Path, output: Path
) -> Partition:
    from xpcs_mask_bluesky.files.declared import read_recipe
    from xpcs_mask_bluesky.files.qmap_hdf5 import write_qmap
    from xpcs_mask_bluesky.partitions import partition as made
    from xpcs_mask_bluesky.qmap import q_map

    part = made(q_map(record), counted, read_recipe(recipe), good)
    write_qmap(part, output)
    return part


def _facts(part: Partition, output: Path, said: list[str]) -> dict[str, Any]:
    return {
        "file": str(output),
        "digest": part.digest,
        "shape": list(part.record.shape),
        "axes": list(part.recipe.axes),
        "pixels": int(part.mask.sum()),
        "dynamic_labels": len(part.dynamic.index_mapping),
        "static_labels": len(part.static.index_mapping),
        "fewest_pixels_of_a_static_bin": int(part.static.counts.min()),
        "warnings": said,
    }


def _words(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['file']}: {facts['dynamic_labels']} dynamic and {facts['static_labels']} static labels on "
        f"{facts['pixels']} pixels; a static bin has at least {facts['fewest_pixels_of_a_static_bin']}",
        f"digest {facts['digest']}",
    ]
    return "\n".join([*lines, *(f"warning: {each}" for each in facts["warnings"])])
