"""Record runs in Tiled without ever aborting one or losing its documents."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from xpcs_mask_bluesky.store.errors import CatalogUnavailable

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
    JSON lines in ``backup_directory``, one ``{"name": …, "doc": …}`` a line. A document never waits
    for a server longer than :data:`PATIENCE`.

    Args:
        connect: Returns the Tiled container for runs, or raises CatalogUnavailable.
        backup_directory: Where documents go that Tiled does not take.
    """

    def __init__(self, connect: Callable[[], Any], backup_directory: Path) -> None:
        self._connect = connect
        self._connecting: threading.Thread | None = None
        self._writer: Writer | None = None
        self._newest = ""
        self._routes: dict[str, Writer] = {}
        """By the uid of the run, descriptor or resource: who writes that run."""
        self.backup_directory = backup_directory

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Take one document; never raises, since a subscriber that raises aborts the run."""
        document = to_builtin(doc)
        try:
            self._take(name, document)
        except Exception:  # the boundary to the RunEngine
            logger.exception("a %r document went to %s, not to Tiled", name, self.backup_directory)
            self._lost(name, document)

    def connect(self, patience: float) -> bool:
        """Return whether Tiled is ready to take runs, after at most ``patience`` seconds."""
        if self._writer is None:
            if self._connecting is None or not self._connecting.is_alive():
                self._connecting = threading.Thread(
                    target=self._make_writer, name="xpcs-mask-recorder", daemon=True
                )
                self._connecting.start()
            self._connecting.join(patience)
        return self._writer is not None

    def _take(self, name: str, document: dict[str, Any]) -> None:
        if name == "start":
            self._newest = document["uid"]
            self._routes[document["uid"]] = self._route(document["uid"])
        write = self._routes.get(self._key(name, document), self._lost)
        if name in {"descriptor", "resource", "stream_resource"}:
            self._routes[document["uid"]] = write
        write(name, document)
        if name == "stop" and write is not self._writer:
            self._forget(write)

    def _route(self, run_uid: str) -> Writer:
        """Return who writes this run; decided at its start, so that a run stays in one place."""
        if self.connect(PATIENCE) and self._writer is not None:
            return self._writer
        path = self.backup_directory / f"{run_uid}.jsonl"
        logger.warning("Tiled is away: run %s goes to %s", run_uid[:8], path)
        return JsonLines(path)

    def _make_writer(self) -> None:
        from bluesky_tiled_plugins import TiledWriter

        try:
            self.backup_directory.mkdir(parents=True, exist_ok=True)
            self._writer = TiledWriter(self._connect(), backup_directory=str(self.backup_directory))
        except (CatalogUnavailable, httpx.HTTPError, PermissionError) as error:
            logger.warning("runs are not recorded in Tiled: %s", error)

    def _key(self, name: str, document: Mapping[str, Any]) -> str:
        """Return the uid by which the run of a document is known here."""
        match name:
            case "start":
                return document["uid"]
            case "descriptor" | "stop":
                return document["run_start"]
            case "resource" | "stream_resource":  # may leave out their run
                return document.get("run_start", self._newest)
            case "datum" | "datum_page":
                return document["resource"]
            case _:
                return document.get("descriptor", self._newest)

    def _lost(self, name: str, document: Mapping[str, Any]) -> None:
        """Keep a document that nobody took, such as one of a run whose start was not seen."""
        JsonLines(self.backup_directory / "unrouted.jsonl")(name, document)

    def _forget(self, write: Writer) -> None:
        self._routes = {key: each for key, each in self._routes.items() if each is not write}


class JsonLines:
    """Append documents to a file, one a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, name: str, document: Any) -> None:
        """Write one document."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps({"name": name, "doc": document}) + "\n")
