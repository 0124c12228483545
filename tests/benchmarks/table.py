"""One table of what the benchmarks measured, printed when all are done."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """One piece of work. Times are medians in seconds; what is no time has its unit."""

    work: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    floor: float | None = None
    """Of the same work: copying what it returns, or one float64 map."""
    goal: str = ""
    unit: str = "ms"

    def cells(self) -> tuple[str, ...]:
        scale = 1e3 if self.unit == "ms" else 1.0
        peer = f"{self.peer * scale:.0f} {self.unit} ({self.peer_name})" if self.peer else "–"
        return (
            self.work,
            f"{self.ours * scale:.3g} {self.unit}",
            peer,
            f"{self.peer / self.ours:.1f}×" if self.peer else "–",
            f"{self.floor * scale:.2g} {self.unit}" if self.floor else "–",
            f"{self.ours / self.floor:.1f}×" if self.floor else "–",
            self.goal or "–",
        )


HEAD = ("work", "ours", "peer", "ratio", "floor", "ours to floor", "goal")


def rendered(lines: list[Line]) -> list[str]:
    """Return the lines of a Markdown table."""
    rows = [HEAD, tuple("---" for _ in HEAD), *(line.cells() for line in lines)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def median(work: Callable[[int], object], rounds: int, *, warm_up: int = 2) -> float:
    """Return the median of the seconds that a piece of work takes; it is told which round it is."""
    for number in range(warm_up):
        work(-1 - number)
    took: list[float] = []
    for number in range(rounds):
        start = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - start)
    return statistics.median(took)
