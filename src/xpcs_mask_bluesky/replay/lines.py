"""Documents as lines of JSON, in the order in which a callback could have had them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xpcs_mask_bluesky.store.recorder import to_builtin

FRAMES, DESCRIPTOR = b'{"name": "stream_datum"', b'{"name": "descriptor"'


def encoded(documents: Iterable[tuple[str, Mapping[str, Any]]]) -> bytes:
    """Return documents, one ``{"name": …, "doc": …}`` a line."""
    lines = (json.dumps({"name": name, "doc": to_builtin(doc)}, default=str) for name, doc in documents)
    return "\n".join(lines).encode()


def decoded(lines: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents that :func:`encoded` returned.

    Raises:
        ValueError: a line is no document.
    """
    for line in lines.split(b"\n"):
        if line.strip():
            said = json.loads(line)
            if not isinstance(said, dict) or not isinstance(said.get("doc"), dict):
                raise ValueError(f"expected a document, not {line[:80]!r}")
            yield str(said["name"]), said["doc"]


def in_order(lines: bytes) -> bytes:
    """Return documents with each stream's frames behind its descriptor.

    Frames have no time, so Tiled's exporter says them last, as if they had come after all that was read at
    the end of the run.
    """
    documents = [line for line in lines.split(b"\n") if line.strip()]
    frames: dict[str, list[bytes]] = {}
    for line in documents:
        if line.startswith(FRAMES):
            frames.setdefault(json.loads(line)["doc"]["descriptor"], []).append(line)
    ordered: list[bytes] = []
    for line in documents:
        if not line.startswith(FRAMES):
            ordered.append(line)
        if frames and line.startswith(DESCRIPTOR):
            ordered += frames.pop(json.loads(line)["doc"]["uid"], [])
    return b"\n".join([*ordered, *(line for each in frames.values() for line in each)])
