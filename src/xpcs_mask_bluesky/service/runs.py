"""The documents of a run in Tiled, in the order in which a callback could have had them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tiled.client.utils import ClientError

Document = tuple[str, dict[str, Any]]

NOT_ACCEPTABLE = 406
"""HTTP's answer where the server has no exporter of documents."""


def documents_of(run: Any) -> list[Document]:
    """Return the documents of a run.

    Tiled's exporter knows no time for frames and says them last, as if they had come after all that was
    read at the end of the run; here they follow their descriptor. A stop that is not there is left out.

    Args:
        run: Tiled's client of it.

    Raises:
        ValueError: It is none, or the server hands out no documents.
        HTTPStatusError: The server refuses, or fails.
    """
    if not hasattr(run, "documents"):
        raise ValueError("it is no run that TiledWriter recorded")
    try:
        documents: list[Document] = [(name, dict(doc)) for name, doc in run.documents()]
    except ClientError as error:
        if error.response.status_code != NOT_ACCEPTABLE:
            raise
        raise ValueError(
            "the server exports no documents of runs; its configuration needs media_types: "
            "{BlueskyRun: {application/json-seq: 'bluesky_tiled_plugins.exporters:json_seq_exporter'}}"
        ) from error
    frames: defaultdict[str, list[Document]] = defaultdict(list)
    for name, doc in documents:
        if name == "stream_datum":
            frames[doc["descriptor"]].append((name, doc))
    ordered: list[Document] = []
    for name, doc in documents:
        if name != "stream_datum" and (name != "stop" or "uid" in doc):
            ordered.append((name, doc))
        if name == "descriptor":
            ordered += frames.get(doc["uid"], [])
    return ordered
