"""Record runs in Tiled without ever aborting one or losing its documents."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from xpcs_mask_bluesky.store.backup import UNROUTED, JsonLines
from xpcs_mask_bluesky.store.errors import CatalogUnavailable
from xpcs_mask_bluesky.store.restorer import Restorer

logger = logging.getLogger("xpcs_mask_bluesky")

PATIENCE = 1.0
"""Seconds that the start of a run may wait for Tiled, when it was away."""

Writer = Callable[[str, Any], None]


def to_builtin(value: Any) -> Any:
    """Return ``value`` with numpy scalars and arrays as JSON's own types, in new containers.

    A detector's configuration may hold numpy scalars, which Tiled's JSON does not take.
    """
    if isinstance(value, Mapping):
        return {key: to_builtin(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_builtin(each) for each in value]
    if type(value).__module__ == "numpy":
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return value


class Recorder:
    """A subscriber that writes each run under the catalogue's raw container.

    A run that Tiled cannot take from the start, or not to the end, is written whole to a file of
    JSON lines in ``backup_directory``, one ``{"name": …, "doc": …}`` a line, and put into Tiled from
    there once that is back. A document never waits for a server to come back longer than
    :data:`PATIENCE`.

    Args:
        connect: Returns the Tiled container for runs, or raises CatalogUnavailable.
        backup_directory: Where documents go that Tiled does not take.
        restorer: Puts them back from there.
    """

    def __init__(self, connect: Callable[[], Any], backup_directory: Path, restorer: Restorer) -> None:
        self._connect, self._restorer = connect, restorer
        self._connecting: threading.Thread | None = None
        self._runs: Any = None
        self._newest = ""
        self._routes: dict[str, RunRecord] = {}
        """By the uid of the run, descriptor or resource: who writes that run."""
        self.backup_directory = backup_directory

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises, since a subscriber that raises aborts the run."""
        document = to_builtin(doc)
        try:
            self._take(name, document)
        except Exception as error:  # noqa: BLE001  the boundary to the RunEngine: a document may be anything
            self._lost(name, document, error)

    def connect(self, patience: float) -> bool:
        """Return whether Tiled is ready to take runs, after at most ``patience`` seconds."""
        if self._runs is None:
            if self._connecting is None or not self._connecting.is_alive():
                self._connecting = threading.Thread(
                    target=self._reach, name="xpcs-mask-recorder", daemon=True
                )
                self._connecting.start()
            self._connecting.join(patience)
        return self._runs is not None

    def _take(self, name: str, document: dict[str, Any]) -> None:
        if name == "start":
            self._begin(document["uid"])
        record = self._routes.get(self._key(name, document))
        if record is None:
            self._lost(name, document, "the start of its run was not seen")
            return
        if name in {"descriptor", "resource", "stream_resource"}:
            self._routes[document["uid"]] = record
        record(name, document)
        if name == "stop":
            self._routes = {key: each for key, each in self._routes.items() if each is not record}
            self._restorer.soon()

    def _lost(self, name: str, document: Any, why: object) -> None:
        """Keep a document that belongs to no run that is known here."""
        file = JsonLines(self.backup_directory / UNROUTED)
        try:
            file((name, document))
            logger.warning("xpcs-mask: a %r document went to %s: %s", name, file.path, why)
        except OSError as error:
            logger.error("xpcs-mask: a %r document (%s) is kept nowhere: %s", name, why, error)

    def _begin(self, run_uid: str) -> None:
        """Decide who writes a run; at its start, so that it stays in one place."""
        self._newest = run_uid
        record = self._routes[run_uid] = RunRecord(run_uid, self.backup_directory)
        try:
            record.write = self._writer()
        except Exception as error:  # noqa: BLE001  the boundary to the RunEngine: whatever a client raises
            record.say(error)
        self._restorer.soon()

    def _writer(self) -> Writer:
        """Return a writer of one run: what it leaves behind when it fails ends with it.

        Raises:
            CatalogUnavailable: Tiled is away.
        """
        from bluesky_tiled_plugins import TiledWriter

        if not self.connect(PATIENCE):
            raise CatalogUnavailable("Tiled is away")
        return TiledWriter(self._runs.refresh())

    def _reach(self) -> None:
        import bluesky_tiled_plugins  # noqa: F401  5 s, which the first document must not wait for

        try:
            self._runs = self._connect().include_data_sources()
        except (CatalogUnavailable, httpx.HTTPError, PermissionError) as error:
            logger.warning("xpcs-mask: runs are not recorded in Tiled now: %s", error)

    def _key(self, name: str, document: Mapping[str, Any]) -> str:
        """Return the uid by which the run of a document is known here."""
        match name:
            case "start":
                return document["uid"]
            case "descriptor" | "stop":
                return document.get("run_start", "")
            case "resource" | "stream_resource":  # may leave out their run
                return document.get("run_start", self._newest)
            case "datum" | "datum_page":
                return document["resource"]
            case _:
                return document.get("descriptor", self._newest)


class RunRecord:
    """One run on its way to Tiled; once Tiled has refused a document of it, to a file as a whole.

    Args:
        run_uid: Of the run.
        directory: Of the file.
    """

    def __init__(self, run_uid: str, directory: Path) -> None:
        self._uid = run_uid
        self.write: Writer | None = None
        """Takes its documents, as long as it does."""
        self._kept: list[tuple[str, Any]] = []
        """What Tiled took, or the file did not take, so far."""
        self._file = JsonLines(directory / f"{run_uid}.jsonl")

    def __call__(self, name: str, document: dict[str, Any]) -> None:
        """Take one document; nothing raises."""
        self._kept.append((name, document))
        if self.write is not None:
            try:
                self.write(name, document)
            except Exception as error:  # noqa: BLE001  the boundary to the RunEngine: whatever a writer raises
                self.write = None
                self.say(error)
        if self.write is None:
            self._keep()

    def say(self, why: Exception) -> None:
        """Say in one line that the run goes to its file."""
        logger.warning(
            "xpcs-mask: run %s goes to %s, and from there into Tiled by itself once that takes it: %s",
            self._uid[:8],
            self._file.path,
            next(iter(str(why).splitlines()), type(why).__name__),
        )

    def _keep(self) -> None:
        try:
            self._file(*self._kept)
            self._kept.clear()
        except OSError as error:
            where, uid = self._file.path, self._uid[:8]
            logger.error("xpcs-mask: %s cannot be written: %s; run %s waits in memory", where, error, uid)
