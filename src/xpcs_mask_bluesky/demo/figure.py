"""The demo's picture: the masked image, the dynamic labels, and g2 with its fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import BoundaryNorm, LogNorm
from matplotlib.figure import Figure

from xpcs_mask_bluesky.demo.fit import decay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xpcs_mask_bluesky.demo.analyst import Labels
    from xpcs_mask_bluesky.demo.correlate import Correlation
    from xpcs_mask_bluesky.demo.fit import Diffusion


def draw(
    path: Path,
    image: np.ndarray,
    labels: Labels,
    correlation: Correlation,
    diffusion: Diffusion,
    *,
    period: float,
) -> None:
    """Write the picture.

    Args:
        path: Of the PNG.
        image: Mean counts per frame, (rows, columns).
        labels: The partition.
        correlation: g2 of each dynamic label.
        diffusion: Its fits.
        period: Time between frames, in s.
    """
    figure = Figure(figsize=(15, 4.6), layout="constrained")
    picture, map_, curves = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    _image(figure, picture, image, labels)
    _labels(figure, map_, labels)
    _curves(curves, correlation, diffusion, labels, period)
    figure.savefig(path, dpi=110)


def _image(figure: Figure, axes: Axes, image: np.ndarray, labels: Labels) -> None:
    shown = np.ma.masked_where(~labels.mask, np.maximum(image, 1e-2))
    palette = mpl.colormaps["viridis"].with_extremes(bad="lightgrey")
    drawn = axes.imshow(shown, norm=LogNorm(), cmap=palette, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label="mean counts per frame", shrink=0.85)
    axes.set(title="image (grey: not counted)", xlabel="column (px)", ylabel="row (px)")


def _labels(figure: Figure, axes: Axes, labels: Labels) -> None:
    count = len(labels.q)
    palette = mpl.colormaps["tab20"].resampled(count).with_extremes(bad="white")
    norm = BoundaryNorm(np.arange(0.5, count + 1), palette.N)
    shown = np.ma.masked_equal(labels.dynamic, 0)
    drawn = axes.imshow(shown, cmap=palette, norm=norm, interpolation="nearest")
    figure.colorbar(drawn, ax=axes, label="dynamic label", ticks=np.arange(1, count + 1), shrink=0.85)
    axes.set(title="dynamic bins", xlabel="column (px)", ylabel="row (px)")


def _curves(
    axes: Axes, correlation: Correlation, diffusion: Diffusion, labels: Labels, period: float
) -> None:
    delay = correlation.delays * period
    smooth = np.geomspace(delay[0], delay[-1], 200)
    palette = mpl.colormaps["plasma"]
    for each in diffusion.relaxations[::2]:
        color = palette(0.85 * (each.label - 1) / max(len(labels.q) - 1, 1))
        measured = correlation.g2[:, each.label - 1]
        error = correlation.error[:, each.label - 1]
        axes.errorbar(delay, measured, error, fmt="o", markersize=3.5, color=color, label=f"{each.q:.4f} Å⁻¹")
        axes.plot(smooth, decay(smooth, each.contrast, each.rate), color=color, linewidth=1)
    axes.set(
        xscale="log",
        xlabel="delay (s)",
        ylabel="g₂",
        title=f"g₂ and fits: D = {diffusion.coefficient:.3g} ± {diffusion.error:.1g} Å²/s",
    )
    axes.legend(title="q", fontsize="small")
