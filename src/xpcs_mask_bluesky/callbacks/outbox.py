"""What waits for delivery: first in memory, then in a file; in memory alone while the disk refuses."""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from xpcs_mask_bluesky.callbacks.jobs import Job, Order
from xpcs_mask_bluesky.callbacks.spool import Spool

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
        self._memory: deque[Job | Order] = deque()
        self._direct: dict[int, Job] = {}
        self._parked: set[int] = set()
        """Numbers of those in ``_direct`` that are set aside."""
        self._numbered = 0
        self._spool: Spool | None = None
        self._broken = False
        self._taking = threading.Lock()

    def put(self, jobs: Sequence[Job | Order]) -> None:
        """Take jobs without waiting for anything."""
        self._memory.extend(jobs)

    @property
    def news(self) -> bool:
        """Whether anything came that is not in the spool yet."""
        return bool(self._memory)

    def keep(self) -> bool:
        """Move what came into the spool; return whether anything was moved.

        Raises:
            OSError: If the disk refuses; nothing is lost then.
            sqlite3.Error: Likewise.
        """
        try:
            if self._spool is None:
                self._spool = Spool(self.directory)
            with self._taking:
                taken = list(self._memory)
                jobs = [*self._direct.values(), *map(_job, taken)]
                if jobs:
                    self._spool.add(jobs)
                for _ in taken:
                    self._memory.popleft()
                self._direct.clear()
                self._parked.clear()
        except SPOOL_ERRORS:
            self._broken = True
            self._trim()
            raise
        self._broken = False
        return bool(jobs)

    def batch(self, most: int) -> list[tuple[int, Job]]:
        """Return the oldest jobs that wait, with their numbers."""
        if not self._broken:
            return [] if self._spool is None else self._spool.pending(most)
        with self._taking:
            while self._memory and len(self._direct) < most:
                self._numbered -= 1
                self._direct[self._numbered] = _job(self._memory.popleft())
            waiting = [each for each in self._direct.items() if each[0] not in self._parked]
        try:
            spooled = [] if self._spool is None else self._spool.pending(most)
        except SPOOL_ERRORS:  # they wait until it can be read again
            spooled = []
        return spooled + waiting

    def remove(self, numbers: Sequence[int]) -> None:
        """Forget jobs that were delivered."""
        with self._taking:
            for number in numbers:
                self._direct.pop(number, None)
        spooled = [number for number in numbers if number > 0]
        if spooled and self._spool is not None:
            self._spool.remove(spooled)

    def park(self, number: int, reason: str) -> None:
        """Set a job aside that cannot be delivered now."""
        if number < 0:
            self._parked.add(number)
        elif self._spool is not None:
            self._spool.park(number, reason)

    def unpark(self) -> None:
        """Let the jobs that were set aside wait again."""
        self._parked.clear()
        if self._spool is not None:
            self._spool.unpark()

    @property
    def empty(self) -> bool:
        """Whether nothing waits, of this process or an earlier one; False before the spool was opened."""
        if self._spool is None and not self._broken:
            return False
        return self.depth()[0] == 0

    @property
    def parked(self) -> bool:
        """Whether jobs are set aside."""
        return self.depth()[1] > 0

    def depth(self) -> tuple[int, int]:
        """Return how many jobs wait, and how many are set aside."""
        waiting, parked = (0, 0) if self._spool is None else self._spool.depth()
        in_memory = len(self._memory) + len(self._direct) - len(self._parked)
        return waiting + in_memory, parked + len(self._parked)

    def oldest(self) -> float | None:
        """Return when the oldest job that waits came, seconds since the epoch."""
        first = [each.received for each in [*list(self._memory)[:1], *list(self._direct.values())[:1]]]
        if self._spool is not None:
            first += [job.received for _, job in self._spool.pending(1)]
        return min(first, default=None)

    def close(self) -> None:
        """Keep what is left, and release the spool."""
        if self.news or self._direct:
            self.keep()
        if self._spool is not None:
            self._spool.close()

    def _trim(self) -> None:
        with self._taking:
            while len(self._memory) > MOST_IN_MEMORY:
                self._memory.popleft()
                self.lost += 1


def _job(each: Job | Order) -> Job:
    return each if isinstance(each, Job) else each.job()
