"""Whole figures: a detector's mask with its labels, or a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpcs_mask_bluesky.plots.paint import figure
from xpcs_mask_bluesky.plots.panels import draw_image, draw_labels, mask_legend
from xpcs_mask_bluesky.plots.rings import draw_rings

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import Partition

    Bits = NDArray[np.bool_]


def partition_figure(part: Partition, image: np.ndarray | None = None, *, title: str = "") -> Figure:
    """Return the mask over an image, with rings of q and φ, beside the dynamic labels.

    Args:
        part: The partition.
        image: ``(rows, columns)``.
        title: Of the figure.
    """
    return detector_figure(part.mask, part.blemish, record=part.record, part=part, image=image, title=title)


def detector_figure(
    mask: Bits,
    blemish: Bits,
    *,
    record: GeometryRecord | None = None,
    part: Partition | None = None,
    image: np.ndarray | None = None,
    image_words: str = "counts",
    title: str = "",
) -> Figure:
    """Return a detector's mask over an image; with a geometry the rings, with a partition the labels.

    Args:
        mask: Boolean ``(rows, columns)``, True = counted.
        blemish: The detector's own mask.
        record: The geometry.
        part: The partition.
        image: ``(rows, columns)``.
        image_words: What it shows, for its scale.
        title: Of the figure.

    Raises:
        ValueError: If the image has another shape.
    """
    _check_shape(image, mask)
    drawn = figure(11 if part is not None else 6.2, 5.4)
    first, *others = drawn.subplots(1, 1 if part is None else 2, squeeze=False)[0]
    shown = draw_image(first, image, mask, blemish)
    first.set_title(f"{100 * float(mask.mean()):.1f} % of the pixels count", fontsize=9, loc="left")
    mask_legend(first, blemish=not blemish.all())
    if shown is not None:
        drawn.colorbar(shown, ax=first, label=image_words, shrink=0.8, pad=0.02, extend="both")
    if record is not None:
        draw_rings(first, record, color="white" if image is not None else "#404040")
    if part is not None:
        draw_labels(others[0], part, width=4.4)
        others[0].set_title(labels_title(part), fontsize=9, loc="left")
    if title:
        drawn.suptitle(title, fontsize=11)
    return drawn


def _check_shape(image: np.ndarray | None, mask: Bits) -> None:
    if image is not None and image.shape != mask.shape:
        hint = "; is it transposed?" if image.shape == mask.shape[::-1] else ""
        raise ValueError(f"image is {image.shape}, the detector {mask.shape} (rows, columns){hint}")


def labels_title(part: Partition) -> str:
    """Return in words how many dynamic labels there are."""
    first, second = part.dynamic.num_pts
    return f"{len(part.dynamic.index_mapping)} dynamic labels of {first} × {second} bins"
