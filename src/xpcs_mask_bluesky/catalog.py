"""MaskCatalog: the door to detectors, masks and partitions, wherever they are kept."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from xpcs_mask_bluesky.server.link import DirectoryLink, UriLink, connect
from xpcs_mask_bluesky.store.directories import Directories, state_directory
from xpcs_mask_bluesky.store.errors import CatalogUnavailable
from xpcs_mask_bluesky.store.layout import PARTITIONS, check_name, ensure_detector, ensure_runs, path_segments
from xpcs_mask_bluesky.store.recorder import Recorder
from xpcs_mask_bluesky.store.restore import Restored, restore_runs
from xpcs_mask_bluesky.store.restorer import Restorer
from xpcs_mask_bluesky.store.whereabouts import whereabouts

if TYPE_CHECKING:
    import numpy as np

    from xpcs_mask_bluesky.server.link import Link
    from xpcs_mask_bluesky.store.clients import XPCSDetector

logger = logging.getLogger("xpcs_mask_bluesky")

START_PATIENCE = 60.0
"""Seconds that making a recorder may take, the import of Bluesky's Tiled plugins included."""


class MaskCatalog(Directories):
    """Detectors by name, in a Tiled server that is connected to, or started, when it is needed.

    Made by :meth:`open`.
    """

    def __init__(
        self,
        *,
        link: Link | None,
        client: Any = None,
        path: str,
        raw: str,
        state_directory: Path,
        shared_directory: Path | None = None,
        timeout: float = 5.0,
    ) -> None:
        self._link, self._client, self._timeout = link, client, timeout
        self._segments, self._raw = path_segments(path), check_name(raw, "raw")
        super().__init__(state_directory, shared_directory)
        self._clients: list[Any] = []
        self._restorers: list[Restorer] = []
        self._detectors: dict[str, XPCSDetector] = {}

    @classmethod
    def open(
        cls,
        where: str | Path | Any,
        path: str = "xpcs",
        *,
        raw: str = "raw",
        api_key: str | None = None,
        timeout: float = 5.0,
    ) -> MaskCatalog:
        """Return the catalogue of a Tiled server, of a directory, or of a Tiled client.

        Args:
            where: An ``http`` address; or a directory, whose server is connected to or, if nobody
                serves it, started in a process that ends with this one; or a Tiled root client.
            path: The Tiled container that holds the detectors.
            raw: The top-level Tiled container that holds the runs.
            api_key: For an address; without it Tiled's own ``TILED_API_KEY`` counts.
            timeout: Seconds to wait for a connection.

        A server that does not answer is no error here: a warning says so, and the connection is
        tried again whenever it is needed.

        Raises:
            ValueError: ``path`` has a name that Tiled cannot open, or ``where`` is empty.
        """
        if not isinstance(where, str | Path):
            return cls._of_client(where, path, raw)
        if not str(where):
            raise ValueError("where is empty; expected a directory or an http address: is a variable unset?")
        catalog = cls._of_address(str(where), path, raw, api_key, timeout)
        try:
            _ = catalog.client
        except CatalogUnavailable as error:
            logger.warning("%s; it is tried again when needed", error)
        return catalog

    @classmethod
    def _of_client(cls, client: Any, path: str, raw: str) -> MaskCatalog:
        state = state_directory(str(client.context.api_uri))
        return cls(link=None, client=client, path=path, raw=raw, state_directory=state)

    @classmethod
    def _of_address(cls, where: str, path: str, raw: str, api_key: str | None, timeout: float) -> MaskCatalog:
        if where.startswith(("http://", "https://")):
            link = UriLink(where, api_key, timeout)
            state, shared = state_directory(link.uri), None
            return cls(link=link, path=path, raw=raw, state_directory=state, timeout=timeout)
        directory = Path(where).expanduser().resolve()
        link, shared = DirectoryLink(directory), directory / PARTITIONS
        return cls(
            link=link, path=path, raw=raw, state_directory=directory, shared_directory=shared, timeout=timeout
        )

    @property
    def client(self) -> Any:
        """The root Tiled client.

        Raises:
            CatalogUnavailable: the server does not answer.
        """
        if self._client is None:
            self._client = self._connect(patient=True)
        return self._client

    @property
    def uri(self) -> str:
        """Address of the server at present, without its key."""
        return self._link.uri if self._link else str(self.client.context.api_uri)

    @property
    def path(self) -> str:
        """Of the Tiled container that holds the detectors."""
        return "/".join(self._segments)

    @property
    def raw(self) -> str:
        """Key of the Tiled container that holds the runs."""
        return self._raw

    def create_detector(
        self, name: str, *, shape: tuple[int, int], blemish: np.ndarray | None = None
    ) -> XPCSDetector:
        """Return the detector ``name``, created if it is not there yet.

        Args:
            name: The detector's ophyd name.
            shape: Rows and columns, in px.
            blemish: Boolean ``shape``, True = good; becomes the first entry of a detector that has
                no blemish yet.

        Raises:
            ValueError: the name cannot be opened by Tiled, or the detector has another shape.
            CatalogUnavailable: the server does not answer.
        """
        check_name(name, "detector")
        rows, columns = (int(size) for size in shape)
        if rows < 1 or columns < 1:
            raise ValueError(f"shape is {tuple(shape)}; expected (rows, columns), both at least 1")
        if blemish is not None and blemish.shape != (rows, columns):
            hint = "; is it transposed?" if blemish.shape == (columns, rows) else ""
            raise ValueError(f"blemish is {blemish.shape}, the detector {(rows, columns)}{hint}")
        if name not in self._detectors:
            ensure_detector(self.client, self._segments, name, (rows, columns), self._raw)
        detector = self[name]
        detector.check_shape((rows, columns), f"the detector {name!r} asked for")
        if blemish is not None and not detector.history("blemish").operations:
            with detector.edit(layer="blemish", reason="given with the detector") as edit:
                edit.blemish(blemish)
        return detector

    def __getitem__(self, name: str) -> XPCSDetector:
        """Return the detector ``name``.

        Raises:
            KeyError: there is none of that name.
            CatalogUnavailable: the server does not answer.
        """
        if name not in self._detectors:
            try:
                detector = self._container()[check_name(name, "detector")]
            except KeyError as error:
                there = ", ".join(self) or "none"
                raise KeyError(
                    f"{self.uri} /{self.path} has no detector {name!r}; there is {there}"
                ) from error
            detector.share_directory(self._shared)
            self._detectors[name] = detector
        return self._detectors[name]

    def __iter__(self) -> Iterator[str]:
        """Return the detectors' names."""
        try:
            return iter(list(self._container()))
        except KeyError:
            return iter(())

    def __contains__(self, name: str) -> bool:
        return name in self._detectors or name in list(self)

    def runs(self, *, partition: str) -> list[str]:
        """Return the uids of the runs that used a partition, oldest use first.

        Args:
            partition: Its digest.
        """
        uids = [uid for name in self for uid in self[name].runs(partition=partition)]
        return list(dict.fromkeys(uids))

    def md(self) -> dict[str, Any]:
        """Return where partitions are, as metadata for a run: ``RE(plan, **catalog.md())``.

        Under ``xpcs_mask`` stand the catalogue's ``path`` and, by detector, the paths of its ``log``, which
        will tell the run's partition, and of the ``partitions`` in force now; all but the first only if the
        server answers.
        """
        said: dict[str, Any] = {"path": self.path}
        try:
            said["detectors"] = {name: whereabouts(self[name]) for name in self}
        except (CatalogUnavailable, httpx.TransportError) as error:
            logger.warning("%s; the run's metadata tell the path of the catalogue only", error)
        return {"xpcs_mask": said}

    def tiled_writer(self) -> Recorder:
        """Return a subscriber for ``RE.subscribe`` that records runs.

        It neither aborts a run nor loses documents when Tiled is away: they go to
        :attr:`backup_directory` then, and from there into Tiled when it is back.
        """
        restorer = Restorer(partial(self._runs_container, patient=True), self.backup_directory)
        self._restorers.append(restorer)
        recorder = Recorder(self._runs_container, self.backup_directory, restorer)
        recorder.connect(START_PATIENCE)
        restorer.soon()
        return recorder

    def restore_runs(self) -> list[Restored]:
        """Put the runs of :attr:`backup_directory` into Tiled; return what became of each file.

        A recorder does so by itself while a profile runs; this is for the time when none does. Runs that
        are in Tiled in part are completed, none is doubled, and a file moves to ``backup/restored`` only
        when all of it is there.

        Raises:
            CatalogUnavailable: the server does not answer.
            TimeoutError: another process does the same at present.
        """
        return list(restore_runs(self._runs_container(patient=True), self.backup_directory))

    def close(self) -> None:
        """Stop the embedded server, if this catalogue started it."""
        for restorer in self._restorers:
            restorer.close()
        if self._link is not None:
            for client in self._clients:
                client.context.http_client.close()
            self._clients.clear()
            self._client = None
            self._link.close()
        self._detectors.clear()

    def __enter__(self) -> MaskCatalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<MaskCatalog {self.uri} /{self.path}>"

    def _connect(self, *, patient: bool) -> Any:
        if self._link is None:
            return self._client
        client = connect(self._link, patient=patient, timeout=self._timeout)
        self._clients.append(client)
        return client

    def _container(self) -> Any:
        return self.client[self.path]

    def _runs_container(self, *, patient: bool = False) -> Any:
        return ensure_runs(self._connect(patient=patient), self._raw)
