"""The demo's table of runs."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from xpcs_mask_bluesky.demo.story import RunRow


def runs_table(rows: Iterable[RunRow]) -> Table:
    """Return the published partitions as a table that fits 80 columns."""
    table = Table(
        title="What the callback published", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for heading in ("run", "uid", "geometry", "what changed"):
        table.add_column(heading, no_wrap=True)
    for heading in ("mask\nrev.", "labels\ndyn./stat.", "publ.\nafter"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.what,
            row.run_uid[:8],
            row.geometry[:8],
            row.changed,
            str(row.mask_revision),
            row.labels,
            f"{row.seconds:.2f} s",
        )
    return table
