"""The hash of a ``/qmap`` group, as its writers make it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xpcs_mask_bluesky.files.hdf5_content import Content

_LISTS = ("dynamic_num_pts", "static_num_pts")
"""Arrays in the file that were lists when they were hashed."""


def hash_matches(content: Content) -> bool | None:
    """Return whether a group holds what its hash says; None without a hash.

    Made as we make it, or as pySimpleMask 0.4 and XPCS Viewer do (``hash_numpy_dict``: by sorted name, the
    bytes of an array, and the JSON of anything else).
    """
    given = content.text("hash")
    if given is None:
        return None
    return given in (content.digest(), peer_hash(content))


def peer_hash(content: Content) -> str:
    """Return the hash that pySimpleMask 0.4 and XPCS Viewer give a group's content."""
    digest = hashlib.sha256()
    for name in sorted(content.datasets):
        digest.update(name.encode())
        plain = _plain(name, content.datasets[name])
        if isinstance(plain, np.ndarray):
            native = np.ascontiguousarray(plain, dtype=plain.dtype.newbyteorder("="))
            digest.update(native.tobytes())
        else:
            digest.update(json.dumps(plain).encode())
    return digest.hexdigest()


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, (str, tuple)):
        return value
    return value.tolist() if name in _LISTS or np.ndim(value) == 0 else value
