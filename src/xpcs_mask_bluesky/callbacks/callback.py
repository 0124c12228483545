"""PartitionCallback: subscribe it to a RunEngine, and every run gets its partition."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.callbacks.calibrations import calibrated_fields, give, take
from xpcs_mask_bluesky.callbacks.complaints import Complaints
from xpcs_mask_bluesky.callbacks.devices import observe
from xpcs_mask_bluesky.callbacks.ending import at_process_end
from xpcs_mask_bluesky.callbacks.following import Current, Following
from xpcs_mask_bluesky.callbacks.handover import HandOver
from xpcs_mask_bluesky.callbacks.jobs import Order, order
from xpcs_mask_bluesky.callbacks.preparation import Preparation, convert_units
from xpcs_mask_bluesky.callbacks.publisher import Publication, Publisher
from xpcs_mask_bluesky.callbacks.reports import RunReports, write_line
from xpcs_mask_bluesky.callbacks.standing import Standing
from xpcs_mask_bluesky.callbacks.worker import Worker
from xpcs_mask_bluesky.documents.tracker import GeometryFault, GeometryTracker

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.jobs import Job
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.documents.source import GeometrySource
    from xpcs_mask_bluesky.partitions import PartitionRecipe
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.log import LogEntry
    from xpcs_mask_bluesky.store.staleness import Tolerance

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_AT_EXIT = 30.0
"""That an exit waits for deliveries while the catalogue answers; one second while it is away."""


class PartitionCallback:
    """Turns run documents into published partitions; ``RE.subscribe(callback)`` is enough.

    Called with a document it only follows the geometry. All else happens in threads of its own: it never
    raises, never waits for a server, and what cannot be delivered is kept on disk. It follows the masks
    and recipes of the catalogue: a change made elsewhere is published anew for the runs under way.

    Args:
        catalog: Where partitions go.
        spool: Directory for what waits; by default the catalogue's own.
        console: Takes one line for each run that stopped; by default it is written to the standard output.

    The environment variable ``XPCS_MASK_DISABLE=1`` turns it off.
    """

    def __init__(
        self,
        catalog: MaskCatalog,
        *,
        spool: Path | None = None,
        console: Callable[[str], object] | None = None,
    ) -> None:
        self._watched: dict[tuple[str, str], GeometryTracker] = {}
        self._recipes: dict[tuple[str, str], PartitionRecipe] = {}
        self._hooks: list[Callable[[Publication], None]] = []
        self._handovers: dict[tuple[str, str], HandOver] = {}
        self._catalog, self._console = catalog, console or write_line
        self._enabled = os.environ.get("XPCS_MASK_DISABLE", "") in {"", "0"}
        self._complaints, self._reports, self._current = Complaints(), RunReports(), Current()
        self._preparation = Preparation(catalog, self._complaints, lambda: at_process_end(self._at_exit))
        self._tolerances: dict[tuple[str, str], Tolerance] = {}
        self._standing = Standing(self._tolerances)
        publisher = Publisher(
            catalog,
            self._recipes,
            published=self._published,
            refused=self._refused,
            reached=self._reached,
            say=self._complaints.warn,
            moved=self._reports.moved,
            standing=self._standing,
        )
        self._worker = Worker(
            publisher,
            spool or catalog.spool_directory,
            complaints=self._complaints,
            tick=self._report,
            prepare=self._preparation.run,
        )
        self._following = Following(self._current, self._watched, self._worker.put, self._calibrated)
        at_process_end(self._at_exit)

    def watch(
        self,
        detector: str,
        *,
        source: GeometrySource,
        recipe: PartitionRecipe | None = None,
        name: str = "default",
        on_published: Callable[[Publication], object] | None = None,
        export_to: str | Path | None = None,
        export_name_to: Any = None,
        tolerance: Tolerance | None = None,
    ) -> PartitionCallback:
        """Follow a detector, and return this callback; again for another one or another recipe.

        Args:
            detector: Its ophyd name.
            source: Where its geometry is in the documents.
            recipe: Put in force under ``name`` if it differs from the one that was given here last time,
                also by an earlier process; else, and without one, the recipe in force in the
                catalogue counts.
            name: Of the recipe.
            on_published: Called after each publication, in the worker's thread; its errors are logged.
            export_to: Directory where each partition's ``/qmap`` file goes, under a name of at most 39
                characters and never over another content.
            export_name_to: Takes that name: an ophyd signal (a string PV), anything with ``set(name)``, or a
                function.
            tolerance: How many pixels may change bin from the partition in force before there is an
                alarm; by default 0.5 % of all, or 5 % of one bin.

        Raises:
            ValueError: If the source is another detector's, declares a unit that is none, or shifts a
                calibrated centre, or if ``export_name_to`` can take no name.
        """
        if source.detector != detector:
            raise ValueError(f"the source is that of {source.detector!r}, not of {detector!r}")
        hand_over = HandOver(
            directory=None if export_to is None else Path(export_to),
            name_to=export_name_to,
            function=on_published,
            say=self._fail,
        )
        convert_units(source)
        self._handovers[detector, name] = hand_over
        if recipe is not None:
            self._recipes[detector, name] = recipe
        if tolerance is not None:
            self._tolerances[detector, name] = tolerance
        calibrated = calibrated_fields(source)
        self._watched[detector, name] = self._tracker(source)
        if self._enabled:
            if calibrated:
                self._load_calibration(detector)
            self._preparation.add(source, recipe, name)
            self._worker.start()  # delivers what an earlier process left
        return self

    def attach(self, run_engine: Any, *, sd: Any = None, devices: Iterable[Any] = ()) -> int:
        """Subscribe to a RunEngine, add devices to baseline and monitors, and return the token.

        The baseline gets a stand-in for a device that plans can configure, since bluesky 1.15.1 aborts a
        run in which a device of the baseline is configured; one that is there already is warned about.

        Args:
            run_engine: Bluesky's.
            sd: ``SupplementalData`` that is among the RunEngine's preprocessors.
            devices: Read at begin and end of each run; what of them can be monitored is, between.

        Raises:
            ValueError: If devices are given without ``sd``.
        """
        given = list(devices)
        if given and sd is None:
            raise ValueError("devices go into SupplementalData; pass sd=")
        for device in given:
            observe(sd, device, warn=self._complaints.warn)
        return run_engine.subscribe(self)

    def on_published(self, function: Callable[[Publication], None]) -> None:
        """Call ``function`` after each publication, in the worker's thread; its errors are logged."""
        self._hooks.append(function)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises and never changes it."""
        if not self._enabled:
            return
        for tracker in dict.fromkeys(self._watched.values()):
            try:
                self._take(tracker, name, doc)
            except Exception as error:  # noqa: BLE001  the boundary: the RunEngine must not see it
                self._fail(f"a {name!r} document of {tracker.source.detector} was not used: {error!r}")
        if name == "start":
            self._following.look()
        elif name == "stop":
            self._stop(doc)

    def status(self) -> dict[str, Any]:
        """Return counters, what waits and for how long, whether the catalogue is away, the last error.

        ``in_force`` tells the partition in force for each detector and recipe, and whether it matches
        the geometry measured last.
        """
        return self._worker.status() | {"in_force": self._standing.status()}

    def flush(self, timeout: float = 30.0) -> bool:
        """Return whether everything received was delivered within ``timeout`` seconds."""
        return self._worker.flush(timeout)

    def kept(self, timeout: float = 30.0) -> bool:
        """Return whether everything received was on disk, or delivered, within ``timeout`` seconds."""
        return self._worker.kept(timeout)

    def pause(self) -> None:
        """Keep following the geometry, deliver nothing."""
        self._worker.pause()

    def resume(self) -> None:
        """Deliver what waited or had failed, and go on."""
        self._worker.resume()

    def close(self, timeout: float = SECONDS_AT_EXIT) -> bool:
        """Deliver what is left, end the threads, and return whether all went out.

        While the catalogue is away this takes a second or two. What did not go out is delivered by the
        next callback with the same spool.
        """
        self._enabled = False
        self._following.close()
        waiting = self._worker.status()["waiting"]
        done = self._worker.close(timeout)
        self._say_lines(0 if done else waiting, final=True)
        return done

    def _tracker(self, source: GeometrySource) -> GeometryTracker:
        """Return one tracker for all recipes of a source: following costs the same for one or for ten."""
        equal = (each for each in self._watched.values() if each.source == source)
        return next(equal, None) or GeometryTracker(source)

    def _take(self, tracker: GeometryTracker, name: str, doc: Mapping[str, Any]) -> None:
        found = tracker(name, doc)
        if not found:
            return
        detector = tracker.source.detector
        names = [place[1] for place, each in self._watched.items() if each is tracker]
        orders = [order(each, detector, name) for each in found for name in names]
        self._reports.ordered(orders)
        self._current.tell(orders)
        self._worker.put(orders)
        self._say_faults(orders)

    def _stop(self, doc: Mapping[str, Any]) -> None:
        uid = doc.get("run_start") if isinstance(doc, Mapping) else None
        if isinstance(uid, str):
            self._current.ended(uid)
            self._reports.stopped(uid)

    def _say_faults(self, orders: list[Order]) -> None:
        for each in orders:
            if isinstance(each.found, GeometryFault):
                self._worker.counts["faults"] += 1
                self._fail(each.found.message)

    def _report(self) -> None:
        if self._reports.due:
            self._say_lines(self._worker.status()["waiting"])

    def _say_lines(self, waiting: int, *, final: bool = False) -> None:
        for line in self._reports.lines(waiting, final=final):
            try:
                self._console(line)
            except Exception as error:  # noqa: BLE001  somebody else's function, or a closed output
                self._fail(f"the console took no line: {error!r}")

    def _at_exit(self) -> None:
        if self._enabled and not self.close():
            said = "xpcs-mask: what the last edits or runs made is kept in %s; the next start publishes it"
            logger.warning(said, self._worker.directory)

    def _reached(self, detector: XPCSDetector) -> None:
        if self._following.follow(detector):
            give(self._watched.values(), detector)

    def _load_calibration(self, detector: str) -> None:
        """Let the first run know what was accepted before; a catalogue that is away tells it later."""
        try:
            if detector in self._catalog:
                self._reached(self._catalog[detector])
        except Exception as error:  # noqa: BLE001  the boundary: a profile must start
            self._complaints.warn(f"no calibration of {detector} was read: {error}; it is tried again")

    def _calibrated(self, detector: str, entries: Sequence[LogEntry]) -> None:
        take(self._watched.values(), detector, entries)

    def _published(self, publication: Publication) -> None:
        self._reports.published(publication)
        hand_over = self._handovers.get((publication.job.detector, publication.job.name))
        hooks = [*([hand_over] if hand_over else []), *self._hooks]
        for hook in [] if publication.past else hooks:
            try:
                hook(publication)
            except Exception as error:  # noqa: BLE001  somebody else's function
                self._fail(f"on_published {hook!r} failed: {error!r}")

    def _refused(self, job: Job, message: str) -> None:
        self._reports.refused(job, message)
        self._fail(message)

    def _fail(self, message: str) -> None:
        self._worker.note_error(message)
