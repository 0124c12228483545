"""Pictures of a partition's labels: numbers in a TIFF, colours in a PNG."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xpcs_mask_bluesky.files.replacing import replaced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions import Bins, Partition

GOLDEN = (5**0.5 - 1) / 2
"""Part of the circle of hues from one label to the next."""
BRIGHT = (0.97, 0.72)
"""Of even and odd bins of the first axis, so that neighbours differ along it too."""
MOST_NUMBERS = 400
"""Labels of a PNG that are written beside their bin."""
EXCLUDED, REJECTED = (38, 38, 38), (0, 0, 0)
"""Grey for a pixel in no bin, black for one that the blemish rejects."""


def write_label_image(
    part: Partition, path: str | os.PathLike[str], *, which: Literal["dynamic", "static"] = "dynamic"
) -> Path:
    """Write the labels as a picture, one pixel for each pixel of the detector, row 0 on top; return its path.

    ``.tif``: each pixel's label as an unsigned integer, 0 = not counted, which scikit-beam, ImageJ and others
    take as a label image. ``.png``: a colour for each label, with its number where there are up to 400; grey
    is in no bin, black is the blemish.

    Raises:
        ValueError: If the suffix is neither, or ``which`` is not known.
    """
    if which not in ("dynamic", "static"):
        raise ValueError(f"which is {which!r}; expected 'dynamic' or 'static'")
    labels = np.asarray(part.dynamic_roi_map if which == "dynamic" else part.static_roi_map)
    bins = part.dynamic if which == "dynamic" else part.static
    suffix = Path(path).suffix.lower()
    if suffix not in (".tif", ".tiff", ".png"):
        raise ValueError(f"{Path(path).name} has a suffix that tells no format; known are .tif, .tiff, .png")
    with replaced(path) as temporary:
        if suffix == ".png":
            _write_png(temporary, label_colours(labels, np.asarray(part.blemish), bins), labels)
        else:
            _write_tiff(temporary, labels, f"{which} labels of partition {part.digest}; 0 = not counted")
    return Path(path)


def _write_tiff(path: Path, labels: np.ndarray, description: str) -> None:
    import tifffile

    tifffile.imwrite(path, labels, compression="zlib", description=description)


def _write_png(path: Path, colours: NDArray[np.uint8], labels: np.ndarray) -> None:
    from PIL import Image

    picture = Image.fromarray(colours)
    count = int(labels.max())
    if count <= MOST_NUMBERS:
        _write_numbers(picture, labels, count)
    picture.save(path, format="PNG")


def label_colours(labels: np.ndarray, blemish: np.ndarray, bins: Bins) -> NDArray[np.uint8]:
    """Return a colour for each pixel, ``(rows, columns, 3)``."""
    from matplotlib.colors import hsv_to_rgb

    first = bins.index_mapping.astype(np.int64) // bins.num_pts[1]
    hue = np.arange(1, len(first) + 1) * GOLDEN % 1.0
    tones = np.stack([hue, np.full(len(first), 0.6), np.take(BRIGHT, first % 2)], axis=1)
    colours = np.rint(hsv_to_rgb(tones) * 255).astype(np.uint8)
    picture = np.concatenate([np.array([EXCLUDED], np.uint8), colours])[labels]
    picture[~blemish] = REJECTED
    return picture


def _write_numbers(picture: object, labels: np.ndarray, count: int) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(picture)  # pyright: ignore[reportArgumentType]
    size = max(8.0, min(labels.shape) / 60)
    for label, (row, column) in enumerate(_places(labels, count), start=1):
        draw.text((column, row), str(label), fill=(0, 0, 0), anchor="mm", font_size=size)


def _places(labels: np.ndarray, count: int) -> list[tuple[float, float]]:
    """Return a pixel of each label: that which lies nearest to the middle of its pixels."""
    inside = np.nonzero(labels)
    own = labels[inside].astype(np.intp)
    pixels = np.bincount(own, minlength=count + 1).clip(1)
    middle = [np.bincount(own, along, minlength=count + 1) / pixels for along in inside]
    off = np.hypot(inside[0] - middle[0][own], inside[1] - middle[1][own])
    order = np.lexsort((off, own))
    first = order[np.searchsorted(own[order], np.arange(1, count + 1))]
    return [
        (float(row), float(column)) for row, column in zip(inside[0][first], inside[1][first], strict=True)
    ]
