"""How many pixels each bin has: bars of the dynamic ones, a histogram of the static ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from xpcs_mask_bluesky.plots.paint import ALERT, INK, label_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xpcs_mask_bluesky.partitions import Partition

MOST_BARS = 240
TOLD = 6
"""Labels whose place along the first axis is told above the bars."""
_WORDS = {"phi": "φ", "two_theta": "2θ", "ellipse_rho": "ρ", "ellipse_phi": "ellipse φ"}


def axis_words(name: str, unit: str) -> str:
    """Return an axis with its unit, for people: ``q (Å⁻¹)``."""
    word = _WORDS.get(name, name)
    return f"{word} ({unit})" if unit else word


def draw_counts(axes: Axes, part: Partition) -> None:
    """Draw the pixels of each dynamic label, in its colour; above, where it lies along the first axis."""
    counts = np.asarray(part.dynamic.counts)
    labels = np.arange(1, len(counts) + 1)
    if len(counts) <= MOST_BARS:
        axes.bar(labels, counts, width=0.86, color=label_colors(part), edgecolor=INK, linewidth=0.25)
    else:
        axes.fill_between(labels, counts, step="mid", color="#77AADD")
    axes.set_xlim(0.3, len(counts) + 0.7)
    _count_scale(axes, counts)
    axes.set_xlabel("dynamic label")
    axes.set_ylabel("pixels")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    _told_above(axes, part)


def draw_histogram(axes: Axes, part: Partition) -> None:
    """Draw how many static bins have how many pixels, and mark the smallest."""
    counts = np.asarray(part.static.counts)
    low, high = int(counts.min()), int(counts.max())
    wide = high > 20 * low
    if wide:
        edges = np.unique(np.round(np.geomspace(low, high + 1, 28))) - 0.5
        axes.set_xscale("log")
    else:
        step = max(1, -(-(high - low + 1) // 24))
        edges = np.arange(low, high + step + 1, step) - 0.5
    axes.hist(counts, bins=edges.tolist(), color="#77AADD", edgecolor=INK, linewidth=0.25)
    axes.axvline(float(np.median(counts)), color=INK, linewidth=0.9, linestyle="--")
    least = part.recipe.minimum_pixels
    if least:
        axes.axvline(least, color=ALERT, linewidth=1.1)
    axes.set_xlabel("pixels in a static bin")
    axes.set_ylabel("static bins")
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    small = f"smallest {low} px (label {int(np.argmin(counts)) + 1}), median {np.median(counts):.0f} px"
    axes.set_title(small + (f", minimum {least}" if least else ""), fontsize=7, loc="right", pad=3)


def _count_scale(axes: Axes, counts: np.ndarray) -> None:
    if counts.max() > 50 * max(1, counts.min()):
        axes.set_yscale("log")
        axes.set_ylim(max(0.7, 0.6 * counts.min()), 1.5 * counts.max())
    else:
        axes.set_ylim(0, 1.08 * counts.max())


def _told_above(axes: Axes, part: Partition) -> None:
    first = np.asarray(part.dynamic.index_mapping) // part.dynamic.num_pts[1]
    centers = part.dynamic.centers[0][first]
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    chosen = starts[:: max(1, -(-len(starts) // TOLD))]
    above = axes.secondary_xaxis("top")
    above.set_xticks(chosen + 1, [f"{centers[each]:.3g}" for each in chosen])
    above.tick_params(labelsize=7, length=2, pad=1)
    above.set_xlabel(axis_words(part.map_names[0], part.map_units[0]), fontsize=7, labelpad=3)
