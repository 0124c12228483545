"""Ask Tiled for the metadata of the nodes that match, and for nothing else of them.

Tiled's own client asks for all there is to say: also how many nodes match, counted one by one, and for each
how many children it has, by one more question to the database. An entry of a log has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlparse

from tiled.client.utils import MSGPACK_MIME_TYPE, handle_error, retry_context


def metadata_found(
    container: Any, queries: Iterable[Any], *, page: int, sort: Sequence[str] = ()
) -> Iterator[Mapping[str, Any]]:
    """Yield the metadata of the children that match all of Tiled's ``queries``, oldest first.

    Args:
        container: Tiled's client of one.
        queries: Such as ``tiled.queries.Eq``.
        page: Most that one request asks for; the next is made when they are used up.
        sort: Keys as Tiled spells them, ``-`` before one that falls; ``-`` alone begins with the child made
            last.
    """
    found = container
    for query in queries:
        found = found.search(query)
    asked = {**found._queries_as_params, "fields": "metadata", "omit_links": True}
    if sort:
        asked["sort"] = list(sort)  # a parameter each: Tiled refuses commas
    url: str | None = f"{container.item['links']['search']}?page[limit]={page}"
    while url is not None:
        answer = _get(container.context, url, asked)
        for node in answer["data"]:
            yield node["attributes"]["metadata"]
        url = answer["links"]["next"]


def _get(context: Any, url: str, params: Mapping[str, Any]) -> Any:
    """Return what the server answers; tried again as Tiled's client tries again."""
    for attempt in retry_context():
        with attempt:
            response: Any = context.http_client.get(
                url,
                headers={"Accept": MSGPACK_MIME_TYPE},
                params={**parse_qs(urlparse(url).query), **params},
            )
            handle_error(response)
            return response.json()
    raise AssertionError("unreachable: the last attempt raises")
