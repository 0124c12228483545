"""Threads that carry jobs from the RunEngine to the catalogue, and never the other way round.

``put`` only appends to a queue in memory. One thread moves the queue into the spool; another delivers
from the spool, at most two batches a second, and tries again while the catalogue is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.spool import Spool

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_BETWEEN_BATCHES = 0.5
BATCH = 2000
PATIENCE = (0.5, 1.0, 2.0, 5.0)
"""Seconds between tries while the catalogue is away; the last one from then on."""
ATTEMPTS = 3
"""Tries of a job that fails for another reason than that the catalogue is away."""
MOST_IN_MEMORY = 100_000
SECONDS_TO_END = 10.0
"""That a thread may take to finish the request it is in."""


class Deliverer(Protocol):
    """What the worker needs of the publisher."""

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Deliver jobs of one detector and recipe name."""
        ...

    def alarm(self, job: Job, message: str) -> None:
        """Write down why a job can never be delivered."""
        ...


class Worker:
    """Delivers jobs in the background; nothing here raises into its caller.

    Args:
        deliverer: Takes batches of jobs.
        spool_directory: Where jobs are kept until they are delivered.
    """

    def __init__(self, deliverer: Deliverer, spool_directory: Path) -> None:
        self._deliverer, self._directory = deliverer, spool_directory
        self._memory: deque[Job] = deque()
        self._spool: Spool | None = None
        self._wake = threading.Condition()
        self._threads: dict[str, threading.Thread] = {}
        self._paused = self._closed = False
        self._busy = False
        self._failures = 0
        """Tries in a row that did not reach the catalogue."""
        self.counts = {"received": 0, "delivered": 0, "faults": 0, "errors": 0, "restarts": 0, "lost": 0}
        self.last_error = ""

    def put(self, jobs: Sequence[Job]) -> None:
        """Take jobs without waiting for anything."""
        self.counts["received"] += len(jobs)
        self._memory.extend(jobs)
        while len(self._memory) > MOST_IN_MEMORY:  # the disk has been refusing for hours
            self._memory.popleft()
            self.counts["lost"] += 1
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

    def flush(self, timeout: float) -> bool:
        """Return whether everything was delivered or parked within ``timeout`` seconds."""
        end = time.monotonic() + timeout
        self.start()
        with self._wake:
            while not self._idle():
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(min(left, 0.05))
        return True

    def pause(self) -> None:
        """Keep jobs in the spool without delivering them."""
        self._paused = True

    def resume(self) -> None:
        """Deliver again."""
        with self._wake:
            self._paused = False
            self._wake.notify_all()

    def close(self, timeout: float) -> bool:
        """Deliver what is left within ``timeout`` seconds, end the threads; return whether all went out.

        What did not go out stays in the spool for the next start.
        """
        if self._closed or not self._threads:
            return True
        done = self.flush(timeout) if not self._paused else self._idle()
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        for thread in self._threads.values():
            thread.join(SECONDS_TO_END)
        if self._memory and self._spool is None:
            self._spool = Spool(self._directory)
        if self._spool is not None:
            self._spool.add(self._memory)
            if not any(thread.is_alive() for thread in self._threads.values()):
                self._spool.close()
        return done

    def status(self) -> dict[str, Any]:
        """Return counters, what waits, and the last error."""
        waiting, parked = self._spool.depth() if self._spool and not self._closed else (0, 0)
        return {
            **self.counts,
            "waiting": waiting + len(self._memory),
            "parked": parked,
            "catalog_away": self._failures > 0,
            "last_error": self.last_error,
            "alive": all(thread.is_alive() for thread in self._threads.values()),
        }

    def _idle(self) -> bool:
        if self._memory or self._busy:
            return False
        return self._spool is not None and self._spool.depth()[0] == 0

    def _guarded(self, loop: Callable[[], None]) -> None:
        try:
            loop()
        except Exception as error:  # noqa: BLE001  the boundary: the next put() starts the thread again
            self._note_error(f"the worker's thread ended: {error!r}")

    def _note_error(self, message: str) -> None:
        self.counts["errors"] += 1
        self.last_error = message
        logger.error("xpcs-mask: %s", message)

    def _keep(self) -> None:
        if self._spool is None:
            self._spool = Spool(self._directory)
        while not self._closed:
            with self._wake:
                if not self._memory:
                    self._wake.wait(0.5)
            taken = list(self._memory)
            if taken:
                self._spool.add(taken)
                for _ in taken:
                    self._memory.popleft()
                with self._wake:
                    self._wake.notify_all()

    def _deliver(self) -> None:
        while not self._closed:
            started = time.monotonic()
            batch = self._batch()
            if not batch:
                with self._wake:
                    self._wake.wait(0.1)
                continue
            self._busy = True
            try:
                pause = self._deliver_batch(batch)
            finally:
                self._busy = False
            self._rest(pause, started)

    def _batch(self) -> list[tuple[int, Job]]:
        return [] if self._paused or self._spool is None else self._spool.pending(BATCH)

    def _deliver_batch(self, batch: list[tuple[int, Job]]) -> float:
        """Return the seconds to rest afterwards."""
        by_place = sorted(batch, key=lambda each: (each[1].detector, each[1].name))
        for _, group in groupby(by_place, key=lambda each: (each[1].detector, each[1].name)):
            numbered = list(group)
            try:
                self._deliverer.deliver([job for _, job in numbered])
            except ConnectionError as error:
                return self._away(error)
            except Exception:  # noqa: BLE001  the boundary: one by one they are counted, said and kept
                self._one_by_one(numbered)
            else:
                self._done([number for number, _ in numbered])
        self._failures = 0
        return SECONDS_BETWEEN_BATCHES

    def _one_by_one(self, numbered: list[tuple[int, Job]]) -> None:
        """Deliver each job of a batch that failed, so that one bad geometry holds up no other."""
        for number, job in numbered:
            for attempt in range(ATTEMPTS):
                try:
                    self._deliverer.deliver([job])
                    self._done([number])
                    break
                except ConnectionError:
                    return
                except (ValueError, LookupError) as refusal:
                    self._refused(number, job, refusal)
                    break
                except Exception as failure:  # noqa: BLE001  the boundary: counted, said and kept
                    if attempt == ATTEMPTS - 1:
                        self._park(number, job, failure)

    def _refused(self, number: int, job: Job, refusal: Exception) -> None:
        """Write down a job that can never be delivered, and go on."""
        message = f"no partition {job.name!r} of {job.detector} for run {job.run_uid[:8]}: {refusal}"
        self._note_error(message)
        try:
            self._deliverer.alarm(job, message)
        except Exception as error:  # noqa: BLE001  the boundary: kept for the next start
            self._park(number, job, error)
        else:
            self._done([number])

    def _park(self, number: int, job: Job, error: Exception) -> None:
        self._note_error(f"run {job.run_uid[:8]} of {job.detector} is kept for later: {error!r}")
        if self._spool is not None:
            self._spool.park(number, repr(error))

    def _done(self, numbers: list[int]) -> None:
        if self._spool is not None:
            self._spool.remove(numbers)
        self.counts["delivered"] += len(numbers)

    def _away(self, error: ConnectionError) -> float:
        if self._failures == 0:
            self.last_error = str(error)
            logger.warning("xpcs-mask: %s; partitions wait in %s", error, self._directory)
        self._failures += 1
        return PATIENCE[min(self._failures, len(PATIENCE)) - 1]

    def _rest(self, seconds: float, started: float) -> None:
        end = started + seconds
        with self._wake:
            self._wake.notify_all()
        while not self._closed and time.monotonic() < end:
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))
