"""Threads that carry jobs from the RunEngine to the catalogue, and never the other way round.

``put`` only appends to a queue in memory. One thread moves the queue into the spool; another delivers
from the spool, at most two batches a second, and tries again while the catalogue is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xpcs_mask_bluesky.callbacks.complaints import Complaints
from xpcs_mask_bluesky.callbacks.delivery import Deliverer, Delivery
from xpcs_mask_bluesky.callbacks.jobs import Job, Order
from xpcs_mask_bluesky.callbacks.memory import give_back
from xpcs_mask_bluesky.callbacks.outbox import SPOOL_ERRORS, Outbox

SECONDS_TO_GATHER = 0.02
"""What comes in this time goes to the disk in one step: each costs the RunEngine's thread a turn."""
SECONDS_BETWEEN_BATCHES = 0.5
SECONDS_IDLE = 0.1
"""Between looks for something to do, where nobody says that there is."""
BATCH = 2000
PATIENCE = (0.5, 1.0, 2.0, 5.0)
"""Seconds between tries while the catalogue is away; the last one from then on."""
SECONDS_PARKED = 600.0
"""Until a job that failed in all of them is tried again."""
SECONDS_TO_END = 10.0
"""That a thread may take to finish the request it is in."""
SECONDS_TO_END_AWAY = 1.0
"""The same, and the wait for deliveries, while the catalogue is away: an exit must not hang."""


class Worker:
    """Delivers jobs in the background; nothing here raises into its caller.

    Args:
        deliverer: Takes batches of jobs.
        spool_directory: Where jobs are kept until they are delivered.
        complaints: Where faults are said.
        tick: Called by a thread of the worker at least twice a second.
        prepare: Called by the delivering thread before it delivers, and whenever it has nothing to do.
    """

    def __init__(
        self,
        deliverer: Deliverer,
        spool_directory: Path,
        *,
        complaints: Complaints | None = None,
        tick: Callable[[], None] = lambda: None,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self._tick, self._prepare = tick, prepare
        self._complaints = complaints or Complaints()
        self._outbox = Outbox(spool_directory)
        self._wake = threading.Condition()
        self._ready = 0
        """Grows whenever there may be something to deliver, so that none of it is slept through."""
        self._threads: dict[str, threading.Thread] = {}
        self._paused = self._closed = False
        self._busy = False
        self._failures = 0
        """Tries in a row that did not reach the catalogue."""
        self._unpark_at = float("inf")
        self._delivery = Delivery(deliverer, self._outbox, self.note_error)
        self.counts = {"received": 0, "faults": 0, "errors": 0, "restarts": 0}
        self.last_error = ""

    def put(self, jobs: Sequence[Job | Order]) -> None:
        """Take jobs without waiting for anything."""
        self.counts["received"] += len(jobs)
        self._outbox.put(jobs)
        self.start()
        with self._wake:
            self._wake.notify_all()

    def start(self) -> None:
        """Start the threads, or start again those that died."""
        if self._closed:
            return
        for name, loop in (("keep", self._keep), ("deliver", self._deliver)):
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                self.counts["restarts"] += thread is not None
                self._threads[name] = threading.Thread(
                    target=self._guarded, args=(loop,), name=f"xpcs-mask-{name}", daemon=True
                )
                self._threads[name].start()

    @property
    def directory(self) -> Path:
        """Of the spool."""
        return self._outbox.directory

    @property
    def away(self) -> bool:
        """Whether the catalogue did not take the last batch."""
        return self._failures > 0

    def flush(self, timeout: float) -> bool:
        """Return whether everything was delivered or parked within ``timeout`` seconds."""
        self.start()
        return self._wait(self._idle, timeout)

    def kept(self, timeout: float) -> bool:
        """Return whether everything was in the spool, or delivered, within ``timeout`` seconds."""
        return self._wait(lambda: self._outbox.kept, timeout)

    def pause(self) -> None:
        """Keep jobs in the spool without delivering them."""
        self._paused = True

    def resume(self) -> None:
        """Deliver again, what was parked too."""
        with self._wake:
            self._paused = False
            self._ready += 1
            self._unpark_at = time.monotonic()
            self._wake.notify_all()

    def close(self, timeout: float) -> bool:
        """Deliver what is left within ``timeout`` seconds, end the threads; return whether all went out.

        While the catalogue is away it takes a second or two. What did not go out stays in the spool
        for the next start.
        """
        if self._closed or not self._threads:
            return True
        done = self._idle() if self._paused else self._last_deliveries(timeout)
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        for thread in self._threads.values():
            thread.join(SECONDS_TO_END_AWAY if self.away else SECONDS_TO_END)
        if not any(thread.is_alive() for thread in self._threads.values()):
            try:
                done = done and not self._outbox.parked
                self._outbox.close()
            except SPOOL_ERRORS as error:
                self.note_error(f"what waited could not be kept in {self._outbox.directory}: {error!r}")
        return done

    def status(self) -> dict[str, Any]:
        """Return counters, what waits and since when, and the last error."""
        waiting, parked, oldest = 0, 0, None
        if not self._closed:
            try:
                (waiting, parked), oldest = self._outbox.depth(), self._outbox.oldest()
            except SPOOL_ERRORS as error:
                self.note_error(f"the spool cannot be read: {error!r}")
        return {
            **self.counts,
            "delivered": self._delivery.delivered,
            "lost": self._outbox.lost + self._outbox.untold,
            "waiting": waiting,
            "parked": parked,
            "lag": 0.0 if oldest is None else max(0.0, time.time() - oldest),
            "catalog_away": self.away,
            "last_error": self.last_error,
            "alive": all(thread.is_alive() for thread in self._threads.values()),
        }

    def note_error(self, message: str) -> None:
        """Count a fault and say it, the same one at most once a minute."""
        self.counts["errors"] += 1
        self.last_error = message
        self._complaints.say(message)

    def _last_deliveries(self, timeout: float) -> bool:
        self.start()
        gone_at: list[float] = []

        def hopeless() -> bool:
            if not self.away:
                gone_at.clear()
            elif not gone_at:
                gone_at.append(time.monotonic())
            return bool(gone_at) and time.monotonic() - gone_at[0] > SECONDS_TO_END_AWAY

        return self._wait(self._idle, timeout, hopeless)

    def _wait(
        self, done: Callable[[], bool], timeout: float, hopeless: Callable[[], bool] = lambda: False
    ) -> bool:
        end = time.monotonic() + timeout
        while not done():
            left = end - time.monotonic()
            if left <= 0 or hopeless():
                return False
            with self._wake:
                self._wake.wait(min(left, 0.05))
        return True

    def _idle(self) -> bool:
        try:
            return self._outbox.empty and not self._busy  # in this order: a delivery removes, then counts
        except SPOOL_ERRORS:
            return False

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as error:  # noqa: BLE001  the boundary: the next put() starts the thread again
            self.note_error(f"the worker's thread ended: {error!r}")

    def _keep(self) -> None:
        while not self._closed:
            with self._wake:
                if not self._outbox.news:
                    self._wake.wait(0.5)
            if self._outbox.news and not self._closed:
                time.sleep(SECONDS_TO_GATHER)
            try:
                moved = self._outbox.keep()
            except SPOOL_ERRORS as error:
                self.note_error(
                    f"{self._outbox.directory} cannot be written ({error}); is the disk full? Partitions "
                    "are kept in memory, and are lost if this process ends before they are delivered"
                )
                self._pause(SECONDS_BETWEEN_BATCHES, time.monotonic())
            else:
                self._say_untold()
                if moved:
                    with self._wake:
                        self._ready += 1
                        self._wake.notify_all()
            self._tick()

    def _say_untold(self) -> None:
        if self._outbox.why_untold:
            self.note_error(f"a geometry was given up: {self._outbox.why_untold}")
            self._outbox.why_untold = ""

    def _deliver(self) -> None:
        while not self._closed:
            started, ready = time.monotonic(), self._ready
            self._prepare()
            batch = self._batch(started)
            if not batch:
                with self._wake:
                    self._wake.wait_for(lambda: self._closed or self._ready != ready, SECONDS_IDLE)  # noqa: B023
                continue
            self._busy = True
            try:
                seconds = self._deliver_batch(batch)
            finally:
                self._busy = False
            del batch
            give_back()
            self._pause(seconds, started)

    def _batch(self, now: float) -> list[tuple[int, Job]]:
        if self._paused:
            return []
        if now >= self._unpark_at:
            try:
                self._outbox.unpark()
                self._unpark_at = float("inf")
            except SPOOL_ERRORS:  # a full disk; tried again
                self._unpark_at = now + SECONDS_BETWEEN_BATCHES
        return self._outbox.batch(BATCH)

    def _deliver_batch(self, batch: list[tuple[int, Job]]) -> float:
        """Return the seconds to rest afterwards."""
        away = self._delivery.deliver(batch)
        if away is not None:
            return self._away(away)
        self._failures = 0
        if self._outbox.parked:
            self._unpark_at = min(self._unpark_at, time.monotonic() + SECONDS_PARKED)
        return SECONDS_BETWEEN_BATCHES

    def _away(self, error: Exception) -> float:
        self.last_error = str(error)
        self._complaints.say(f"{error}; partitions wait in {self._outbox.directory}", logging.WARNING)
        self._failures += 1
        return PATIENCE[min(self._failures, len(PATIENCE)) - 1]

    def _pause(self, seconds: float, started: float) -> None:
        end = started + seconds
        with self._wake:
            self._wake.notify_all()
        while not self._closed and time.monotonic() < end:
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))
