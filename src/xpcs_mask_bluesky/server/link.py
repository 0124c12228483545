"""The way to a server that may move, die or be away, and an HTTP transport that keeps to it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path
from typing import Any, Protocol

import httpx
from tiled.client import from_uri
from tiled.client.context import CannotPrompt
from tiled.client.utils import ClientError

from xpcs_mask_bluesky.server.connection import Connection
from xpcs_mask_bluesky.server.embedded import answers, ensure_served, find_server, stop
from xpcs_mask_bluesky.store.errors import CatalogUnavailable

NO_ROOM = 507
"""HTTP's "Insufficient Storage"; Tiled's client would ask again for 45 seconds."""


class Link(Protocol):
    """Where the server is, and how to get it back."""

    @property
    def uri(self) -> str:
        """Address of the server at present, without a key."""
        ...

    @property
    def key(self) -> str | None:
        """The API key, if there is one."""
        ...

    def restore(self) -> None:
        """Return once the server answers, or raise CatalogUnavailable."""
        ...

    def close(self) -> None:
        """Let go of what this link started."""
        ...


class UriLink:
    """A server that somebody else runs."""

    def __init__(self, uri: str, key: str | None, timeout: float) -> None:
        url = httpx.URL(uri)
        self.key = key or url.params.get("api_key")
        self.uri = str(url.copy_with(query=None))
        self._timeout = timeout

    def restore(self) -> None:
        """Ask once, with a short timeout; Tiled's own client would try for half a minute.

        Raises:
            CatalogUnavailable: nothing answers at the address.
        """
        try:
            httpx.get(self.uri, timeout=self._timeout, trust_env=not is_loopback(self.uri))
        except httpx.HTTPError as error:
            raise CatalogUnavailable(
                f"the Tiled server {self.uri} does not answer ({error or type(error).__name__}); "
                "is it running, and is the address right?"
            ) from error

    def close(self) -> None:
        """Nothing was started."""


class DirectoryLink:
    """The server of a directory; started here if nobody serves it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Address of the server at present."""
        return self._connection.uri if self._connection else str(self.directory)

    @property
    def key(self) -> str | None:
        """The key that the connection file holds."""
        return self._connection.key if self._connection else None

    def restore(self) -> None:
        """Connect to whoever serves the directory, or start a server.

        Raises:
            CatalogUnavailable: it did not start.
        """
        with self._lock:
            if self._connection is not None and answers(self._connection):
                return
            self._connection, started = ensure_served(self.directory)
            if started is not None:
                if self._process is not None:
                    stop(self._process)
                self._process = started

    def restore_soon(self) -> None:
        """Start to restore in the background; for callers that must not wait."""

        def restore() -> None:
            with contextlib.suppress(CatalogUnavailable):
                self.restore()

        threading.Thread(target=restore, name="xpcs-mask-restore", daemon=True).start()

    def served_elsewhere(self) -> bool:
        """Return whether a server answers that this link did not start."""
        return self._process is None and find_server(self.directory) is not None

    def close(self) -> None:
        """Stop the server, if this link started it."""
        with self._lock:
            if self._process is not None:
                stop(self._process)
            self._process = self._connection = None


class LinkedTransport(httpx.BaseTransport):
    """Send each request to where the link's server is now.

    A refused connection restores the link and tries once more (``patient``), or fails at once and
    leaves the restoring to a thread: a RunEngine must not wait for a server to start. What fails is
    raised as CatalogUnavailable, which Tiled's client does not retry.
    """

    def __init__(self, inner: httpx.BaseTransport, link: Link, *, patient: bool) -> None:
        self._inner, self._link, self._patient = inner, link, patient

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send ``request``, and once more after a restored connection."""
        try:
            return self._send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if not self._patient:
                _restore_soon(self._link)
                raise CatalogUnavailable(f"{self._link.uri} refuses connections") from error
        self._link.restore()
        try:
            return self._send(request)
        except httpx.TransportError as error:
            raise CatalogUnavailable(f"{self._link.uri} went away again: {error}") from error

    def _send(self, request: httpx.Request) -> httpx.Response:
        now = httpx.URL(self._link.uri)
        request.url = request.url.copy_with(scheme=now.scheme, host=now.host, port=now.port)
        try:
            response = self._inner.handle_request(request)
        except httpx.ReadTimeout as error:
            raise CatalogUnavailable(f"{self._link.uri} took too long to answer") from error
        if response.status_code == NO_ROOM:
            response.close()
            raise CatalogUnavailable(f"{self._link.uri} has no room left on its disk; make room there")
        return response

    def close(self) -> None:
        """Close the transport underneath."""
        self._inner.close()


def _restore_soon(link: Link) -> None:
    if isinstance(link, DirectoryLink):
        link.restore_soon()


def connect(link: Link, *, patient: bool, timeout: float) -> Any:
    """Return a Tiled client of the link's server whose requests follow the link.

    Raises:
        CatalogUnavailable: no server answers.
        PermissionError: the server wants a key, and there is none or another.
    """
    link.restore()
    limits = httpx.Timeout(timeout, read=max(timeout, 20.0), write=max(timeout, 20.0))
    try:
        client = from_uri(link.uri, api_key=link.key, timeout=limits, trust_env=not is_loopback(link.uri))
    except (ClientError, RuntimeError, CannotPrompt) as error:
        why = "it wants a key, and there is none" if isinstance(error, CannotPrompt) else str(error)
        raise PermissionError(
            f"the Tiled server {link.uri} refused the connection: {why}; "
            "pass the right api_key=, or set TILED_API_KEY"
        ) from error
    http = client.context.http_client
    http._transport = LinkedTransport(http._transport, link, patient=patient)
    return client


def is_loopback(uri: str) -> bool:
    """Return whether ``uri`` is on this machine, where a proxy has no business."""
    return httpx.URL(uri).host in {"127.0.0.1", "localhost", "::1"}
