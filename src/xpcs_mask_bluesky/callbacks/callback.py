"""PartitionCallback: subscribe it to a RunEngine, and every run gets its partition."""

from __future__ import annotations

import atexit
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.publisher import Publication, Publisher
from xpcs_mask_bluesky.callbacks.worker import Worker
from xpcs_mask_bluesky.documents.tracker import GeometryChange, GeometryFault, GeometryTracker

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.documents.source import GeometrySource
    from xpcs_mask_bluesky.partitions import PartitionRecipe

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_AT_EXIT = 30.0


class PartitionCallback:
    """Turns run documents into published partitions; ``RE.subscribe(callback)`` is enough.

    Called with a document it only follows the geometry. All else happens in threads of its own: it never
    raises, never waits for a server, and what cannot be delivered is kept on disk.

    Args:
        catalog: Where partitions go.
        spool: Directory for what waits; by default the catalogue's own.

    The environment variable ``XPCS_MASK_DISABLE=1`` turns it off.
    """

    def __init__(self, catalog: MaskCatalog, *, spool: Path | None = None) -> None:
        self._trackers: list[tuple[GeometryTracker, str]] = []
        self._recipes: dict[tuple[str, str], PartitionRecipe] = {}
        self._hooks: list[Callable[[Publication], None]] = []
        self._errors = 0
        self._last_error = ""
        self._enabled = os.environ.get("XPCS_MASK_DISABLE", "") in {"", "0"}
        publisher = Publisher(catalog, self._recipes, self._published)
        self._worker = Worker(publisher, spool or catalog.spool_directory)
        ending = weakref.WeakMethod(self._at_exit)
        atexit.register(lambda: (end := ending()) and end())

    def watch(
        self,
        detector: str,
        *,
        source: GeometrySource,
        recipe: PartitionRecipe | None = None,
        name: str = "default",
    ) -> PartitionCallback:
        """Follow a detector, and return this callback; again for another one or another recipe.

        Args:
            detector: Its ophyd name.
            source: Where its geometry is in the documents.
            recipe: Put in force under ``name``; without one the catalogue's own counts.
            name: Of the recipe.

        Raises:
            ValueError: If the source is another detector's.
        """
        if source.detector != detector:
            raise ValueError(f"the source is that of {source.detector!r}, not of {detector!r}")
        if recipe is not None:
            self._recipes[detector, name] = recipe
        self._trackers.append((GeometryTracker(source), name))
        if self._enabled:
            self._worker.start()  # delivers what an earlier process left
        return self

    def attach(self, run_engine: Any, *, sd: Any = None, devices: Iterable[Any] = ()) -> int:
        """Subscribe to a RunEngine, add devices to baseline and monitors, and return the token.

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
            if device not in sd.baseline:
                sd.baseline.append(device)
            sd.monitors.extend(each for each in _monitorable(device) if each not in sd.monitors)
        return run_engine.subscribe(self)

    def on_published(self, function: Callable[[Publication], None]) -> None:
        """Call ``function`` after each publication, in the worker's thread; its errors are logged."""
        self._hooks.append(function)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises and never changes it."""
        if not self._enabled:
            return
        for tracker, recipe_name in self._trackers:
            try:
                jobs = [_job(found, tracker.source.detector, recipe_name) for found in tracker(name, doc)]
                if jobs:
                    self._say_faults(jobs)
                    self._worker.put(jobs)
            except Exception as error:  # noqa: BLE001  the boundary: the RunEngine must not see it
                self._fail(f"a {name!r} document of {tracker.source.detector} was not used: {error!r}")

    def status(self) -> dict[str, Any]:
        """Return counters, what waits, whether the catalogue is away, and the last error."""
        status = self._worker.status()
        status["errors"] += self._errors
        status["last_error"] = self._last_error or status["last_error"]
        return status

    def flush(self, timeout: float = 30.0) -> bool:
        """Return whether everything received was delivered within ``timeout`` seconds."""
        return self._worker.flush(timeout)

    def pause(self) -> None:
        """Keep following the geometry, deliver nothing."""
        self._worker.pause()

    def resume(self) -> None:
        """Deliver what waited, and go on."""
        self._worker.resume()

    def close(self, timeout: float = SECONDS_AT_EXIT) -> bool:
        """Deliver what is left, end the threads, and return whether all went out.

        What did not go out is delivered by the next callback with the same spool.
        """
        self._enabled = False
        return self._worker.close(timeout)

    def _at_exit(self) -> None:
        if self._enabled and not self.close():
            logger.warning("xpcs-mask: some partitions wait in the spool for the next start")

    def _published(self, publication: Publication) -> None:
        for hook in self._hooks:
            try:
                hook(publication)
            except Exception as error:  # noqa: BLE001  somebody else's function
                self._fail(f"on_published {hook!r} failed: {error!r}")

    def _say_faults(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.kind == "fault":
                self._worker.counts["faults"] += 1
                self._fail(job.message)

    def _fail(self, message: str) -> None:
        self._errors += 1
        if message != self._last_error:  # one line, not one for each event
            logger.error("xpcs-mask: %s", message)
        self._last_error = message


def _monitorable(device: Any) -> list[Any]:
    """Return the device if it can be monitored as a whole, else those of its readings that can."""
    parts = [device, *(getattr(device, name) for name in getattr(device, "read_attrs", ()))]
    # ophyd refuses to subscribe where there is no default subscription, and that aborts the run.
    able = [each for each in parts if getattr(each, "_default_sub", None) is not None]
    return able[:1] if able[:1] == [device] else able


def _job(found: GeometryChange | GeometryFault, detector: str, name: str) -> Job:
    place: dict[str, Any] = {
        "detector": detector,
        "name": name,
        "run_uid": found.run_uid,
        "stream": found.stream,
        "seq_num": found.seq_num,
        "time": found.time,
        "received": time.time(),
    }
    if isinstance(found, GeometryFault):
        return Job(kind="fault", message=found.message, **place)
    return Job(
        kind="geometry",
        record=found.record.model_dump(mode="json"),
        provenance={field: asdict(each) for field, each in found.provenance.items()},
        changed=found.changed,
        **place,
    )
