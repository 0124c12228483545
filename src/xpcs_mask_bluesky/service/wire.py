"""Documents in MessagePack, as beamlines send them over 0MQ and Kafka; bytes of a stranger run nothing here.

Publishers that use ``msgpack_numpy`` write an array or a numpy scalar as a mapping with the key ``nd``. Its
own reader unpickles arrays of objects, and importing ``bluesky_kafka`` lets every later ``msgpack`` do so.
Hence a reader of ours, which knows plain numbers only.
"""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np

LARGEST = 256 * 1024 * 1024
"""Bytes of a message: a document with an image in it is larger than any of ours should be."""
PICKLE = b"\x80"
"""How bluesky's publisher begins by default."""
PLAIN = frozenset("biufUS")
"""Kinds of numpy types whose bytes are their value."""
NOT_MSGPACK = (ValueError, TypeError, LookupError, msgpack.UnpackException, OverflowError, RecursionError)


def unpacked(data: bytes) -> Any:
    """Return what a message holds.

    Raises:
        ValueError: It is not MessagePack, too large, or holds an array of something else than numbers.
    """
    if len(data) > LARGEST:
        raise ValueError(f"a message of {len(data)} bytes; expected up to {LARGEST}")
    try:
        return msgpack.unpackb(data, raw=False, strict_map_key=False, object_hook=_plain)
    except NOT_MSGPACK as error:
        words = f"not MessagePack ({str(error) or type(error).__name__:.120})"
        if data.startswith(PICKLE):
            words = f"{words}, but a pickle, which is never read: give the publisher a msgpack serializer"
        raise ValueError(words) from error


def _plain(mapping: dict[Any, Any]) -> Any:
    """Return an array or number that ``msgpack_numpy`` wrote, anything else as it is.

    Raises:
        ValueError: Its type is none of plain numbers and texts.
    """
    if "nd" not in mapping and b"nd" not in mapping:
        return mapping
    said = {str(_text(key)): value for key, value in mapping.items()}
    if not isinstance(said.get("data"), bytes) or "type" not in said:
        return mapping
    kind = _text(said["type"])
    if not isinstance(kind, str) or np.dtype(kind).kind not in PLAIN:  # a list tells fields or objects
        raise ValueError(f"an array of {kind}, not of numbers")
    values = np.frombuffer(said["data"], kind)
    return values.reshape(said["shape"]).tolist() if said["nd"] else values[0].item()


def _text(said: Any) -> Any:
    return said.decode() if isinstance(said, bytes) else said
