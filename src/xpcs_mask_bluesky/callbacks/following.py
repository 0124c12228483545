"""What a detector's runs look like now, and what to publish anew when its mask or recipe changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.callbacks.jobs import Order
from xpcs_mask_bluesky.documents.tracker import GeometryChange
from xpcs_mask_bluesky.store.calibrations import CALIBRATION
from xpcs_mask_bluesky.store.follow import Follower
from xpcs_mask_bluesky.store.layout import LOG
from xpcs_mask_bluesky.store.state import LAYERS, RECIPE_SET

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.log import LogEntry

KINDS = (*LAYERS, RECIPE_SET)
RUNS_REMEMBERED = 200
"""A run without a stop must not stay for ever."""
"""Of the entries after which partitions are published anew."""

Place = tuple[str, str]
"""A detector and the name of a recipe."""


class Current:
    """The geometry that each watched detector has now; safe in any thread, and cheap to tell."""

    def __init__(self) -> None:
        self._open: dict[Place, dict[tuple[str, str], Order]] = {}
        """Of the runs under way, by run and stream."""
        self._newest: dict[Place, Order] = {}
        self._guard = threading.Lock()

    def tell(self, orders: Iterable[Order]) -> None:
        """Take the geometries that documents just told."""
        with self._guard:
            for each in orders:
                if isinstance(each.found, GeometryChange):
                    place = each.detector, each.name
                    part = each.found.run_uid, each.found.stream
                    runs = self._open.setdefault(place, {})
                    runs[part] = each
                    if len(runs) > RUNS_REMEMBERED:
                        del runs[next(iter(runs))]
                    self._newest[place] = each

    def ended(self, run_uid: str) -> None:
        """Forget a run that has stopped."""
        with self._guard:
            for runs in self._open.values():
                for part in [part for part in runs if part[0] == run_uid]:
                    del runs[part]

    def anew(self, place: Place, entry: LogEntry) -> list[Order]:
        """Return what to publish again because of a log entry.

        Those are the runs under way. A run that has ended keeps the partition that it was measured
        with; between runs the detector's newest geometry is published for no run at all.
        """
        why = f"log entry {entry.seq}: {entry.kind} by {entry.author or 'unknown'}"
        with self._guard:
            runs = list(self._open.get(place, {}).values())
            newest = self._newest.get(place)
        now = time.time()
        if runs or newest is None:
            return [replace(each, why=why, received=now) for each in runs]
        found = replace(newest.found, time=entry.time)
        return [replace(newest, found=found, why=why, received=now, run_uid="", seq_num=1)]


class Following:
    """Follows the logs of the detectors that runs concern.

    Args:
        current: The detectors' geometries now.
        places: The watched detectors and recipe names.
        put: Takes what is to be published anew.
        calibrated: Takes a detector's name and its new log entries, those of calibrations among them.
    """

    def __init__(
        self,
        current: Current,
        places: Collection[Place],
        put: Callable[[list[Order]], None],
        calibrated: Callable[[str, Sequence[LogEntry]], None] = lambda detector, entries: None,
    ) -> None:
        self._calibrated = calibrated
        self._current, self._places, self._put = current, places, put
        self._followers: dict[str, Follower] = {}
        self._closed = False

    def follow(self, detector: XPCSDetector) -> bool:
        """Begin to follow a detector's log; return False if that was begun already."""
        name = detector.name
        if self._closed or (name in self._followers and self._followers[name].alive):
            return False
        since = detector.state.latest().seq
        self._followers[name] = Follower(
            detector.commits,
            lambda entries: self._took(name, entries),
            since=since,
            kinds=(*KINDS, CALIBRATION),
            stream=detector[LOG],
        ).start()
        return True

    def look(self) -> None:
        """Look into all logs soon; at the start of each run."""
        for follower in list(self._followers.values()):
            follower.look()

    def close(self) -> None:
        """Follow no longer."""
        self._closed = True
        for follower in self._followers.values():
            follower.close()

    def _took(self, detector: str, entries: Sequence[LogEntry]) -> None:
        self._calibrated(detector, entries)
        newest = {
            place: entry
            for entry in entries
            if entry.kind in KINDS
            for place in list(self._places)
            if place[0] == detector and entry.body.get("name", place[1]) == place[1]
        }
        orders = [each for place, entry in newest.items() for each in self._current.anew(place, entry)]
        if orders:
            self._put(orders)
