# What is JSON is found out value by value.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""Content digests: equal content, equal 64 hexadecimal characters, on any machine."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def json_digest(content: Any) -> str:
    """Return the SHA-256 of ``content`` as canonical JSON.

    Numbers are compared by value: ``-0.0`` and ``0`` digest alike, and so do ``5`` and ``5.0``.

    Raises:
        ValueError: If a number is not finite.
        TypeError: If ``content`` is not made of JSON's types.
    """
    text = json.dumps(_canonical(content), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(content: Any) -> Any:
    match content:
        case bool() | None | str():
            return content
        case int():
            return content if abs(content) > 2**53 else float(content)
        case float():
            return content + 0.0  # -0.0 becomes 0.0
        case dict():
            return {key: _canonical(value) for key, value in content.items()}
        case list() | tuple():
            return [_canonical(value) for value in content]
        case _:
            raise TypeError(f"{type(content).__name__} has no canonical JSON; expected JSON types")


def array_digest(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's dtype, shape and values (little-endian, C order)."""
    import numpy as np

    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{little.dtype.str}{array.shape}".encode())
    digest.update(little.data if little.ndim else little.tobytes())
    return digest.hexdigest()


def mask_digest(mask: np.ndarray) -> str:
    """Return the SHA-256 of a boolean mask's shape and bits: an eighth of its bytes to hash."""
    import numpy as np

    digest = hashlib.sha256(f"mask{mask.shape}".encode())
    digest.update(np.packbits(np.asarray(mask, dtype=bool)).data)
    return digest.hexdigest()
