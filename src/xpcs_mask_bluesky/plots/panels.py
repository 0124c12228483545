"""The parts of a picture, each drawn on axes that are given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from scipy import ndimage

from xpcs_mask_bluesky.plots.paint import (
    BLEMISHED,
    INK,
    MASKED,
    Coarse,
    intensity_map,
    intensity_norm,
    label_palette,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions import Partition

    Bits = NDArray[np.bool_]

NUMBERED = 500
"""Pixels along the longer side, of the grid on which room for a label's number is looked for."""
TALL = 1.4
"""Rows to columns from which on there is no room above a picture."""
SMALLEST, LARGEST = 4.5, 8.0
"""Numbers of labels, in points."""


def draw_image(axes: Axes, image: np.ndarray | None, mask: Bits, blemish: Bits) -> AxesImage | None:
    """Draw an image in logarithmic colours, and in greys what does not count; return what has the scale.

    Without an image, what counts is drawn in one colour.
    """
    coarse = Coarse.of(mask.shape)
    drawn = None
    if image is not None:
        seen = np.isfinite(image)
        shown = coarse.mean(np.where(seen, image, 0), seen & mask)
        drawn = axes.imshow(
            np.ma.masked_invalid(np.where(shown == 0, np.nextafter(0, 1), shown)),
            norm=intensity_norm(image, mask & seen),
            cmap=intensity_map(),
            extent=coarse.extent,
            interpolation="nearest",
        )
    axes.imshow(_veil(coarse, mask, blemish, image is None), extent=coarse.extent, interpolation="nearest")
    _frame(axes, mask.shape)
    return drawn


def draw_labels(axes: Axes, part: Partition, *, width: float = 3.4) -> None:
    """Draw the dynamic labels, each in another colour than its neighbours, with their numbers.

    Args:
        axes: To draw on.
        part: The partition.
        width: Of the axes, in inches: it decides which numbers have room.
    """
    coarse, (colors, norm) = Coarse.of(part.record.shape), label_palette(part)
    labels = coarse.pick(part.dynamic_roi_map)
    axes.imshow(
        np.ma.masked_equal(labels, 0), cmap=colors, norm=norm, extent=coarse.extent, interpolation="nearest"
    )
    _frame(axes, part.record.shape)
    _numbers(axes, part, width)


def mask_legend(axes: Axes, *, blemish: bool) -> None:
    """Say above a picture, or beside a tall one, what its greys are."""
    patches = [Patch(facecolor=MASKED, edgecolor=INK, linewidth=0.4, label="masked")]
    if blemish:
        patches.append(Patch(facecolor=BLEMISHED, edgecolor=INK, linewidth=0.4, label="blemish"))
    across, down = axes.get_xlim(), axes.get_ylim()
    tall = abs(down[1] - down[0]) > TALL * abs(across[1] - across[0])
    axes.legend(
        handles=patches,
        loc="upper left" if tall else "lower right",
        bbox_to_anchor=(1.02, 1.0) if tall else (1.0, 1.0),
        ncols=1 if tall else 2,
        frameon=False,
        fontsize=7,
        borderpad=0,
        handlelength=1.0,
        handleheight=0.9,
        columnspacing=1.0,
    )


def _veil(coarse: Coarse, mask: Bits, blemish: Bits, alone: bool) -> np.ndarray:
    """Return the greys of masked and blemished pixels as RGBA; single ones in large blocks still show."""
    veil = np.zeros((*coarse.pick(mask).shape, 4))
    if alone:
        veil[:] = (*to_rgb("#A8CCEA"), 1.0)
    for bits, color in ((~mask, MASKED), (~blemish, BLEMISHED)):
        part = coarse.fraction(bits)
        touched = part > 0
        veil[touched, :3] = to_rgb(color)
        veil[touched, 3] = np.maximum(veil[touched, 3], np.maximum(part[touched], 0.5))
    return veil


def _frame(axes: Axes, shape: tuple[int, int]) -> None:
    axes.set_xlim(-0.5, shape[1] - 0.5)
    axes.set_ylim(shape[0] - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xlabel("column (px)")
    axes.set_ylabel("row (px)")


def _numbers(axes: Axes, part: Partition, width: float) -> None:
    coarse = Coarse.of(part.record.shape, NUMBERED)
    labels = coarse.pick(part.dynamic_roi_map)
    room = _room(labels, _preferred(coarse, part))
    if not room:
        return
    points = 72 * width / labels.shape[1]
    usual = 2 * points * float(np.median([radius for _, _, radius in room.values()]))
    rings = part.dynamic.num_pts[1] == 1
    every = math.ceil(SMALLEST * 1.4 / usual) if rings and usual < SMALLEST else 1
    for label, (row, column, radius) in room.items():
        digits = 1.0 if rings else max(1.0, 0.62 * len(str(label)))
        room_for = (2.0 if rings else 1.5) * points * radius / digits
        if (label - 1) % every or (every == 1 and room_for < SMALLEST):
            continue
        axes.text(
            coarse.columns[column],
            coarse.rows[row],
            str(label),
            fontsize=min(LARGEST, max(SMALLEST, room_for)),
            ha="center",
            va="center_baseline",
            color=INK,
            clip_on=True,
            path_effects=[withStroke(linewidth=1.2, foreground="white")] if every > 1 else [],
        )


def _room(labels: np.ndarray, preferred: np.ndarray) -> dict[int, tuple[int, int, float]]:
    """Return for each label the place farthest from its edges: row, column and that distance."""
    inner = labels > 0
    inner[1:] &= labels[1:] == labels[:-1]
    inner[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    distance = np.asarray(ndimage.distance_transform_edt(np.pad(inner, 1)))[1:-1, 1:-1]
    found = np.unique(labels[inner])
    if not found.size:
        return {}
    places = ndimage.maximum_position(distance * preferred, labels, found)
    return {
        int(label): (int(row), int(column), float(distance[int(row), int(column)]))
        for label, (row, column) in zip(found, places, strict=True)
    }


def _preferred(coarse: Coarse, part: Partition) -> np.ndarray:
    """Return a weight of places: numbers of rings line up on the ray to where the detector is largest."""
    x, y = part.record.direct_beam or (0.0, 0.0)
    phi = np.arctan2(y - coarse.rows[:, None], coarse.columns[None, :] - x)
    rows, columns = part.record.shape
    away = math.atan2(y - rows / 2, columns / 2 - x)
    off = (phi - away + np.pi) % (2 * np.pi) - np.pi
    strength, width = (2.0, 0.2) if part.dynamic.num_pts[1] == 1 else (0.25, 1.0)
    return 1 + strength * np.exp(-((off / width) ** 2))
