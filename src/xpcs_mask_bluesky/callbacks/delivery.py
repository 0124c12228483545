"""Hand batches to the catalogue; what fails is tried again one by one, said, and never in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.outbox import Outbox
from xpcs_mask_bluesky.store.errors import is_away

ATTEMPTS = 3
"""Tries of a job that fails for another reason than that the catalogue is away."""


class Deliverer(Protocol):
    """What the worker needs of the publisher."""

    def deliver(self, jobs: Sequence[Job]) -> None:
        """Deliver jobs of one detector and recipe name."""
        ...

    def alarm(self, job: Job, message: str) -> None:
        """Write down why a job can never be delivered."""
        ...


class Delivery:
    """Takes numbered jobs out of an outbox by delivering them.

    Args:
        deliverer: The publisher.
        outbox: What was delivered is removed from it.
        complain: Counts and says a fault.
    """

    def __init__(self, deliverer: Deliverer, outbox: Outbox, complain: Callable[[str], None]) -> None:
        self._deliverer, self._outbox, self._complain = deliverer, outbox, complain
        self.delivered = 0

    def deliver(self, batch: Sequence[tuple[int, Job]]) -> Exception | None:
        """Deliver jobs; return the error that says that the catalogue is away, if it is."""
        by_place = sorted(batch, key=lambda each: (each[1].detector, each[1].name))
        for _, group in groupby(by_place, key=lambda each: (each[1].detector, each[1].name)):
            away = self._group(list(group))
            if away is not None:
                return away
        return None

    def _group(self, numbered: list[tuple[int, Job]]) -> Exception | None:
        try:
            self._deliverer.deliver([job for _, job in numbered])
        except Exception as error:  # noqa: BLE001  the boundary: one by one they are counted, said and kept
            if is_away(error):
                return error
        else:
            self._done([number for number, _ in numbered])
            return None
        for number, job in numbered:
            away = self._one(number, job)
            if away is not None:
                return away
        return None

    def _one(self, number: int, job: Job) -> Exception | None:
        failure: Exception | None = None
        for _ in range(ATTEMPTS):
            try:
                self._deliver_or_refuse(job)
                self._done([number])
                return None
            except Exception as error:  # noqa: BLE001  the boundary: counted, said and kept
                if is_away(error):
                    return error
                failure = error
        self._complain(f"run {job.run_uid[:8]} of {job.detector} is kept for later: {failure!r}")
        self._outbox.park(number, repr(failure))
        return None

    def _deliver_or_refuse(self, job: Job) -> None:
        """Deliver a job; write down why it can never be delivered, if so."""
        try:
            self._deliverer.deliver([job])
        except (ValueError, LookupError) as refusal:
            if is_away(refusal):
                raise
            message = f"no partition {job.name!r} of {job.detector} for run {job.run_uid[:8]}: {refusal}"
            self._complain(message)
            self._deliverer.alarm(job, message)

    def _done(self, numbers: list[int]) -> None:
        self._outbox.remove(numbers)
        self.delivered += len(numbers)
