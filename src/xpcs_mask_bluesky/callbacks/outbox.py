"""What waits for delivery: first in memory, then in a file; in memory alone while the disk refuses."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from xpcs_mask_bluesky.callbacks.jobs import Job, Order
from xpcs_mask_bluesky.callbacks.spool import Row, Spool, row

MOST_IN_MEMORY = 100_000

SPOOL_ERRORS = (OSError, sqlite3.Error)


class Outbox:
    """Jobs in order, each with a number: positive in the spool, negative in memory.

    :meth:`put` only appends in memory. :meth:`keep`, in a thread, moves what came into the spool. If
    the disk refuses, :meth:`batch` hands out what is in memory, so that a full disk stops nothing
    while the catalogue answers.

    Args:
        directory: Of the spool.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.lost = 0
        """Jobs given up because neither disk nor catalogue took them for too long."""
        self.untold = 0
        """Jobs given up because a document held what no text can tell."""
        self.why_untold = ""
        self._memory: deque[Job | Order] = deque()
        self._moving = 0
        """How many are between memory and where they go next."""
        self._direct: dict[int, Job] = {}
        self._parked: set[int] = set()
        """Numbers of those set aside that the spool does not know to be."""
        self._crossed: set[int] = set()
        """Numbers of those delivered that the disk did not let the spool forget."""
        self._numbered = 0
        self._spool: Spool | None = None
        self._broken = False
        self._taking = threading.Lock()
        """Held while the disk works."""
        self._guard = threading.Lock()
        """Of ``_memory``; never held while anything waits."""

    def put(self, jobs: Sequence[Job | Order]) -> None:
        """Take jobs without waiting for anything; of too many in memory the oldest are given up."""
        with self._guard:
            self._memory.extend(jobs)
            while len(self._memory) > MOST_IN_MEMORY:
                self._memory.popleft()
                self.lost += 1

    @property
    def news(self) -> bool:
        """Whether anything came that is not in the spool yet."""
        return bool(self._memory) or self._moving > 0

    @property
    def kept(self) -> bool:
        """Whether nothing is in memory alone."""
        return not self.news and not self._direct

    def keep(self) -> bool:
        """Move what came into the spool; return whether anything was moved.

        Raises:
            OSError: If the disk refuses; nothing is lost then.
            sqlite3.Error: Likewise.
        """
        try:
            with self._taking:
                moved = self._keep()
        except SPOOL_ERRORS:
            self._broken = True
            raise
        self._broken = False
        return moved

    def _keep(self) -> bool:
        if self._spool is None:
            self._spool = Spool(self.directory)
        self._spool.adopt()
        if self._crossed:
            self._spool.remove(sorted(self._crossed))
            self._crossed.clear()
        taken = self._take(MOST_IN_MEMORY)
        rows = [*map(row, self._direct.values()), *(each for _, each in self._told(taken))]
        if not rows:
            return False
        try:
            self._spool.add_rows(rows)
        except SPOOL_ERRORS:
            with self._guard:
                self._memory.extendleft(reversed(taken))
                self._moving = 0
            raise
        self._moving = 0
        self._direct.clear()
        self._parked = {number for number in self._parked if number > 0}
        return True

    def _take(self, most: int) -> list[Job | Order]:
        with self._guard:
            self._moving = max(0, min(most, len(self._memory)))
            return [self._memory.popleft() for _ in range(self._moving)]

    def _told(self, taken: Iterable[Job | Order]) -> list[tuple[Job, Row]]:
        """Return what can be told as text, and how; the rest is given up, as it would hold up all others."""
        told: list[tuple[Job, Row]] = []
        for each in taken:
            try:
                job = each if isinstance(each, Job) else each.job()
                told.append((job, row(job)))
            except Exception as error:  # noqa: BLE001  the boundary: a document may hold anything
                self.untold += 1
                self.why_untold = f"{type(error).__name__} in what a document of {each.detector} told"
        return told

    def batch(self, most: int) -> list[tuple[int, Job]]:
        """Return the oldest jobs that wait, with their numbers."""
        try:
            spooled = [] if self._spool is None else self._pending(self._spool, most)
        except SPOOL_ERRORS:  # they wait until it can be read again
            spooled = []
        if not self._broken:
            return spooled
        with self._taking:
            for job, _ in self._told(self._take(most - len(self._direct))):
                self._numbered -= 1
                self._direct[self._numbered] = job
            self._moving = 0
            return spooled + [each for each in self._direct.items() if each[0] not in self._parked]

    def _pending(self, spool: Spool, most: int) -> list[tuple[int, Job]]:
        there = spool.pending(most + len(self._crossed) + len(self._parked))
        return [each for each in there if each[0] not in self._crossed | self._parked][:most]

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget jobs that were delivered; if the disk refuses, the spool forgets them later."""
        with self._taking:
            for number in numbers:
                self._direct.pop(number, None)
            spooled = [number for number in numbers if number > 0]
            try:
                if spooled and self._spool is not None:
                    self._spool.remove(spooled)
            except SPOOL_ERRORS:
                self._crossed.update(spooled)

    def park(self, number: int, reason: str) -> None:
        """Set a job aside that cannot be delivered now."""
        try:
            if number > 0 and self._spool is not None:
                self._spool.park(number, reason)
                return
        except SPOOL_ERRORS:
            pass
        self._parked.add(number)

    def unpark(self) -> None:
        """Let the jobs that were set aside wait again.

        Raises:
            OSError: If the disk refuses.
            sqlite3.Error: Likewise.
        """
        self._parked.clear()
        if self._spool is not None:
            self._spool.unpark()

    @property
    def empty(self) -> bool:
        """Whether nothing waits, of this process or an earlier one.

        False before that was taken over, and while something is between memory and the disk.
        """
        if not self._taking.acquire(blocking=False):
            return False
        try:
            taken_over = self._spool is not None and self._spool.adopted
            return (taken_over or self._broken) and not self.news and self.depth()[0] == 0
        finally:
            self._taking.release()

    @property
    def parked(self) -> bool:
        """Whether jobs are set aside."""
        return self.depth()[1] > 0

    def depth(self) -> tuple[int, int]:
        """Return how many jobs wait, and how many are set aside."""
        waiting, parked = (0, 0) if self._spool is None else self._spool.depth()
        in_memory = len(self._memory) + self._moving + len(self._direct)
        aside = len(self._parked)
        return waiting + in_memory - aside - len(self._crossed), parked + aside

    def oldest(self) -> float | None:
        """Return when the oldest job that waits came, seconds since the epoch."""
        with self._guard:
            first = [self._memory[0].received] if self._memory else []
        first += [each.received for each in list(self._direct.values())[:1]]
        if self._spool is not None:
            first += [job.received for _, job in self._spool.pending(1)]
        return min(first, default=None)

    def close(self) -> None:
        """Keep what is left, and release the spool."""
        if self.news or self._direct:
            self.keep()
        if self._spool is not None:
            self._spool.close()
