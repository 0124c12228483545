"""One page for the logbook: what a partition is, what it was made from, and how good its bins are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from xpcs_mask_bluesky.plots.charts import axis_words, draw_counts, draw_histogram
from xpcs_mask_bluesky.plots.figures import labels_title
from xpcs_mask_bluesky.plots.paint import ALERT, INK
from xpcs_mask_bluesky.plots.panels import draw_image, draw_labels, mask_legend
from xpcs_mask_bluesky.plots.rings import draw_rings
from xpcs_mask_bluesky.plots.tables import geometry_rows, strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xpcs_mask_bluesky.partitions import Partition

WIDTH, HEIGHT = 8.27, 11.69
"""Of the page, in inches: A4."""
LEFT, RIGHT = 0.62, 7.85
"""Margins, in inches from the left."""
FORMATS = (".png", ".pdf")
DPI = 160
TOP, FOOT, LINE = 1.83, 10.98, 0.158
"""Where pictures begin and digests stand, and from line to line, in inches."""
WIDE, MOST_HIGH = 1.8, 1.25
"""Columns to rows from which on pictures stand one above the other; rows to columns that fit beside."""
STACKED = 1.6
"""Height of a picture of which there is another one above or below, in inches."""
SOURCE = 34
"""Characters of a place in the documents."""
_FAINT = "#606060"
_MONO = "DejaVu Sans Mono"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a page tells beside the partition itself."""

    title: str
    part: Partition
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, for the head of the page."""
    image: np.ndarray | None = None
    """``(rows, columns)``; None: the mask is drawn without."""
    image_words: str = "counts"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """By field of the geometry, as the log keeps it."""
    history: tuple[str, ...] = ()
    """Lines of the mask's history, the one in force marked."""
    digests: tuple[tuple[str, str], ...] = ()
    """Names and digests, for the foot of the page."""


def write_report(report: Report, path: str | Path) -> Path:
    """Write the page, by the path's suffix as PNG or PDF, and return the path.

    Raises:
        ValueError: If the suffix is another.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise ValueError(f"a report is a {' or '.join(FORMATS)} file; the path is {str(target)!r}")
    report_figure(report).savefig(target, dpi=DPI)
    return target


def report_figure(report: Report) -> Figure:
    """Return the page as a figure."""
    page = _Page(report)
    page.head()
    page.pictures()
    page.charts()
    page.words()
    page.foot()
    return page.figure


class _Page:
    """A figure whose places are told in inches from its upper left corner."""

    def __init__(self, report: Report) -> None:
        self.report, self.part = report, report.part
        self.figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
        self._below = 6.5

    def head(self) -> None:
        self._text(LEFT, 0.62, self.report.title, size=15, weight="bold")
        self._rule(0.76)
        facts = [
            *self.report.facts,
            ("bins", recipe_words(self.part)),
            ("counted", counted_words(self.part)),
            ("blemish", blemish_words(self.part)),
        ]
        for number, (name, value) in enumerate(facts):
            y = 0.96 + 0.165 * (number // 2)
            x = LEFT + (number % 2) * 3.86
            self._text(x, y, name, size=7.5, color=_FAINT)
            self._text(x + 0.72, y, value, size=7.5)

    def pictures(self) -> None:
        rows, columns = self.part.record.shape
        beside = columns <= WIDE * rows
        width = 3.25 if beside else min(RIGHT - LEFT - 0.1, STACKED * columns / rows)
        height = width * min(rows / columns, MOST_HIGH)
        first = self._axes(LEFT + 0.02, TOP, width, height)
        foot = self._masked_image(first)
        second = self._axes(
            RIGHT - width if beside else LEFT + 0.02, TOP if beside else foot + 0.4, width, height
        )
        draw_labels(second, self.part, width=width)
        self._heading(second, labels_title(self.part))
        below = self._foot_of(second) + 0.42
        self._text(*self._under(second, below), LABEL_WORDS, size=6.8, color=_FAINT)
        self._below = max(foot, below) + 0.6

    def charts(self) -> None:
        top, height = self._below, 1.35
        counts = self._axes(LEFT + 0.1, top, 4.05, height)
        draw_counts(counts, self.part)
        self._text(LEFT + 0.1, top - 0.34, "pixels in each dynamic bin", size=8.5, weight="bold")
        histogram = self._axes(5.5, top, RIGHT - 5.5, height)
        draw_histogram(histogram, self.part)
        self._text(5.5, top - 0.34, "pixels in the static bins", size=8.5, weight="bold")
        self._below = top + height + 0.62

    def words(self) -> None:
        self._geometry(LEFT, self._below)
        self._history(LEFT + 3.86, self._below)

    def foot(self) -> None:
        self._rule(FOOT - 0.14)
        for number, (name, value) in enumerate([("partition", self.part.digest), *self.report.digests]):
            self._text(LEFT, FOOT + 0.14 * number, name, size=6.8, color=_FAINT)
            self._text(LEFT + 0.8, FOOT + 0.14 * number, value, size=6.8, font=_MONO)

    def _masked_image(self, axes: Axes) -> float:
        """Draw the first picture with its scale, and return where it ends."""
        part, image = self.part, self.report.image
        shown = draw_image(axes, image, part.mask, part.blemish)
        draw_rings(axes, part.record, color="#404040" if image is None else "white")
        mask_legend(axes, blemish=not part.blemish.all())
        self._heading(axes, "mask and image" if image is not None else "mask; no image")
        foot = self._foot_of(axes) + 0.42
        if shown is not None:
            box = axes.get_position()
            bar = self._axes(box.x0 * WIDTH, foot, box.width * WIDTH, 0.085)
            self.figure.colorbar(shown, cax=bar, orientation="horizontal", extend="both")
            bar.set_xlabel(self.report.image_words, fontsize=7.5, labelpad=1)
            bar.tick_params(which="both", labelsize=7, length=2, pad=1)
            foot += 0.48
        self._text(*self._under(axes, foot), RING_WORDS, size=6.8, color=_FAINT)
        return foot

    def _geometry(self, x: float, top: float) -> None:
        self._text(x, top, "geometry, and where it comes from", size=8.5, weight="bold")
        rows = geometry_rows(self.part.record, self.report.provenance)
        step = min(LINE, (FOOT - 0.3 - top) / (len(rows) + 0.5))
        for number, row in enumerate(rows):
            y = top + 0.2 + step * number
            color = ALERT if row.assumed else INK
            self._text(x, y, row.name, size=7, color=_FAINT)
            self._text(x + 1.16, y, row.value, size=7, color=color)
            self._text(x + 1.98, y, _shortened(row.source), size=6.2, color=color if row.assumed else _FAINT)

    def _history(self, x: float, top: float) -> None:
        self._text(x, top, "history of the mask", size=8.5, weight="bold")
        most = max(4, int((FOOT - 0.3 - top - 0.2) / LINE))
        lines = strip(self.report.history, most=most, width=58) or ["not recorded"]
        for number, line in enumerate(lines):
            weight = "bold" if line.startswith("▸") else "normal"
            self._text(x, top + 0.2 + LINE * number, line, size=6.2, font=_MONO, weight=weight)

    def _foot_of(self, axes: Axes) -> float:
        """Return where a picture ends, after its pixels have been made square."""
        axes.apply_aspect()
        return HEIGHT * (1 - axes.get_position().y0)

    def _under(self, axes: Axes, y: float) -> tuple[float, float]:
        return axes.get_position().x0 * WIDTH, y

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        place = (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
        axes = self.figure.add_axes(place, anchor="NW")
        axes.tick_params(labelsize=7, length=2.5, pad=2)
        axes.xaxis.label.set_fontsize(7.5)
        axes.yaxis.label.set_fontsize(7.5)
        axes.xaxis.labelpad = axes.yaxis.labelpad = 2
        return axes

    def _heading(self, axes: Axes, words: str) -> None:
        axes.set_title(words, fontsize=8.5, fontweight="bold", loc="left", pad=4)

    def _text(
        self, x: float, y: float, words: str, *, size: float, font: str | None = None, **look: Any
    ) -> None:
        look = {"color": INK, **look} | ({"family": font} if font else {})
        self.figure.text(
            x / WIDTH, 1 - y / HEIGHT, words, fontsize=size, va="baseline", parse_math=False, **look
        )

    def _rule(self, y: float) -> None:
        from matplotlib.lines import Line2D

        at = 1 - y / HEIGHT
        line = Line2D([LEFT / WIDTH, RIGHT / WIDTH], [at, at], color=INK, linewidth=0.6)
        self.figure.add_artist(line)


RING_WORDS = "solid lines: q in Å⁻¹; dotted: φ in degrees; grey does not count"
LABEL_WORDS = "colours only tell neighbours apart; white pixels do not count"


def _shortened(source: str) -> str:
    """Return a place in the documents that fits its column: the key alone, cut if need be."""
    key = source if len(source) <= SOURCE else source.split(" (", maxsplit=1)[0]
    return key if len(key) <= SOURCE else key[: SOURCE - 1] + "…"


def recipe_words(part: Partition) -> str:
    """Return the recipe in one line."""
    recipe = part.recipe
    fine = " × ".join(str(number) for number in part.static.num_pts)
    coarse = " × ".join(str(number) for number in part.dynamic.num_pts)
    names = " × ".join(axis_words(name, "") for name in recipe.axes)
    said = f"{names}: {coarse} dynamic, {fine} static"
    kinds = {axis: recipe.spacing_of(axis) for axis in recipe.axes}
    logarithmic = [axis_words(axis, "") for axis, kind in kinds.items() if kind == "log"]
    if logarithmic:
        said += f"; {', '.join(logarithmic)} logarithmic"
    if recipe.groups:
        said += f"; {len(recipe.groups)} groups"
    return said


def counted_words(part: Partition) -> str:
    """Return in words how many pixels count."""
    counted, total = int(np.count_nonzero(part.mask)), part.mask.size
    return f"{_thousands(counted)} of {_thousands(total)} pixels ({100 * counted / total:.1f} %)"


def blemish_words(part: Partition) -> str:
    """Return in words how many pixels the detector's own mask rejects."""
    bad = part.blemish.size - int(np.count_nonzero(part.blemish))
    return f"{_thousands(bad)} pixels ({100 * bad / part.blemish.size:.2f} %)" if bad else "none"


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
