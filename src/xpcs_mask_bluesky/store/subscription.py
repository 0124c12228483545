"""Tell a function of each new partition of a detector, also across a server that went away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.store.follow import Follower
from xpcs_mask_bluesky.store.layout import LOG
from xpcs_mask_bluesky.store.log import LogEntry
from xpcs_mask_bluesky.store.uses import RUN_USE, PartitionUse

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

logger = logging.getLogger("xpcs_mask_bluesky")


class Subscription:
    """Calls a function with each partition that is linked to a run, in order, none left out.

    Made by :meth:`XPCSDetector.subscribe`; a context manager that ends with its block.

    Args:
        detector: Whose partitions.
        function: Called in a thread of the subscription; what it raises is logged.
        since: The newest log entry that is known already.
        name: Of the recipe; None for all.
    """

    def __init__(
        self,
        detector: DetectorNode,
        function: Callable[[PartitionUse], object],
        *,
        since: int,
        name: str | None,
    ) -> None:
        self._detector, self._function, self._name = detector, function, name
        self._handed_over = since
        self._follower = Follower(
            detector.commits, self._take, since=since, kinds=[RUN_USE], stream=detector[LOG]
        ).start()

    @property
    def revision(self) -> int:
        """The newest log entry that was handed over or did not matter: ``since=`` of the next start."""
        return max(self._handed_over, self._follower.seq)

    @property
    def alive(self) -> bool:
        """Whether it listens."""
        return self._follower.alive

    def close(self) -> None:
        """End it."""
        self._follower.close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, entries: Iterable[LogEntry]) -> None:
        for entry in entries:
            if entry.seq > self._handed_over and self._name in {None, entry.body["name"]}:
                self._tell(self._detector.use_of(entry))
            self._handed_over = max(self._handed_over, entry.seq)

    def _tell(self, use: PartitionUse) -> None:
        try:
            self._function(use)
        except Exception:  # the boundary: somebody else's function
            logger.exception("xpcs-mask: %r failed for %s", self._function, use)
