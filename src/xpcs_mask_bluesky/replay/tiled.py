"""Runs in a Tiled server, as TiledWriter wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tiled.client.container import Container
from tiled.client.utils import ClientError, handle_error, retry_context
from tiled.queries import Comparison, Eq, Like

from xpcs_mask_bluesky.replay.lines import in_order

if TYPE_CHECKING:
    from xpcs_mask_bluesky.replay.selection import Selection

JSON_SEQ = "application/json-seq"
NOT_ACCEPTABLE = 406
"""HTTP's answer where the server has no exporter of documents."""


class TiledRuns:
    """The runs in one container.

    Args:
        container: Tiled's client of it.
        name: The same for the same runs, if the address of their server is not.
    """

    def __init__(self, container: Any, name: str = "") -> None:
        self._container, self._name = container, name

    @classmethod
    def at(cls, client: Any, path: str, name: str = "") -> TiledRuns:
        """Return the runs under ``path`` of a server.

        Args:
            client: Of a container there, mostly of the root.
            path: From that container, such as ``raw``; empty for the container itself.
            name: The same for the same runs, if the address of their server is not.

        Raises:
            LookupError: there is no such container.
        """
        try:
            return cls(client[path] if path else client, name)
        except KeyError as error:
            raise LookupError(f"{client.uri} has no container {path!r}; which one holds the runs?") from error

    @property
    def name(self) -> str:
        """The name that was given, or the address of the container, without a key."""
        return self._name or self._address

    @property
    def _address(self) -> str:
        return str(self._container.uri).partition("?")[0]

    def find(self, selection: Selection) -> list[str]:
        """Return the uids of the selected runs in the order in which they began.

        Raises:
            LookupError: a uid is none of a run there, or the beginning of several.
        """
        if selection.uids:
            return list(dict.fromkeys(self._whole(uid) for uid in selection.uids))
        found = self._container
        for query in _queries(selection):
            found = Container.search(found, query)
        return list(found.sort(("start.time", 1)).keys())

    def documents(self, uid: str) -> bytes:
        """Return a run's documents in order, one ``{"name": …, "doc": …}`` of JSON a line.

        Raises:
            LookupError: there is no such run.
            ClientError: the server does not answer with documents.
        """
        try:
            return self._exported(uid)
        except ClientError as error:
            if error.response.status_code != NOT_ACCEPTABLE:
                raise
        from xpcs_mask_bluesky.replay.tables import documents_of

        return documents_of(self._container[uid])

    def _exported(self, uid: str) -> bytes:
        """Return what the server's exporter makes of a run, by one request."""
        context = self._container.context
        address = f"{self._address.replace('/metadata/', '/container/full/', 1).rstrip('/')}/{quote(uid)}"
        for attempt in retry_context():
            with attempt:
                response: Any = context.http_client.get(address, params={"format": JSON_SEQ})
                if response.status_code == 404:
                    raise LookupError(f"{self._address} has no run {uid!r}")
                handle_error(response)
                return in_order(response.read().replace(b"\x1e", b""))
        raise AssertionError("unreachable: the last attempt raises")

    def _whole(self, uid: str) -> str:
        found = Container.search(self._container, Like("start.uid", f"{_literal(uid)}%"))
        there = list(found.keys().head(2))
        if len(there) == 1:
            return there[0]
        why = "has no run" if not there else "has several runs whose uid begins with"
        raise LookupError(f"{self._address} {why} {uid!r}")


def _queries(selection: Selection) -> Iterator[Any]:
    if selection.since is not None:
        yield Comparison("ge", "start.time", selection.since)
    if selection.until is not None:
        yield Comparison("lt", "start.time", selection.until)
    for key, value in selection.where.items():
        yield Eq(f"start.{key}", value)


def _literal(uid: str) -> str:
    """Return a uid's beginning, or raise what a wildcard in it would hide."""
    if set(uid) & set("%_\\") or not uid:
        raise LookupError(f"{uid!r} is no beginning of a run's uid")
    return uid
