"""Arrays under the digest of their content: stored once, verified whenever read.

Tiled writes an array in two steps, the node and then its data, and a writer that dies between them
leaves zeros. So an array counts as finished when its metadata say ``sealed``, set last; until then
whoever has the array may write it again, and nobody is handed one whose digest is wrong.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from tiled.client.utils import ClientError

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.store.errors import DamagedData
from xpcs_mask_bluesky.store.layout import is_conflict
from xpcs_mask_bluesky.store.rights import asking

KEPT = 6
"""Arrays that are kept in memory."""


class Blobs:
    """The arrays of one detector.

    Args:
        container: Returns the Tiled container that holds them.
    """

    def __init__(self, container: Callable[[], Any]) -> None:
        self._container = container
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()

    def put(self, array: np.ndarray) -> str:
        """Store ``array``, unless it is there already, and return its digest."""
        digest = array_digest(array)
        if digest in self._kept:
            return digest
        node = self._create(digest, array)
        if node is None:
            node = self._healed(digest, array)
        if not node.metadata.get("sealed"):
            node.update_metadata({"sealed": True})
        self._keep(digest, array)
        return digest

    def at_hand(self, digest: str) -> bool:
        """Return whether the array is in memory, so that :meth:`get` asks nobody for it."""
        return digest in self._kept

    def get(self, digest: str) -> np.ndarray:
        """Return the array with this digest, read-only.

        Raises:
            KeyError: it is not stored here.
            DamagedData: what is stored has another digest.
        """
        if digest in self._kept:
            self._kept.move_to_end(digest)
            return self._kept[digest]
        node = self._container()[digest]
        array = np.asarray(node.read())
        if array_digest(array) != digest:
            raise DamagedData(_what_is_wrong(digest, array, sealed=bool(node.metadata.get("sealed"))))
        return self._keep(digest, array)

    def _healed(self, digest: str, array: np.ndarray) -> Any:
        """Return the node that is there, written again if it does not hold the array.

        Raises:
            DamagedData: it cannot be written, since it was finished once.
        """
        node = self._container()[digest]
        stored = np.asarray(node.read())
        if array_digest(stored) != digest:
            try:
                node.write(array)
            except ClientError as error:
                raise DamagedData(_what_is_wrong(digest, stored, sealed=True)) from error
        return node

    def _create(self, digest: str, array: np.ndarray) -> Any | None:
        try:
            with asking("store an array"):
                return self._container().write_array(array, key=digest, metadata={"sealed": False})
        except ClientError as error:
            if is_conflict(error):
                return None
            raise

    def _keep(self, digest: str, array: np.ndarray) -> np.ndarray:
        kept = array.copy() if array.flags.writeable else array
        kept.flags.writeable = False
        self._kept[digest] = kept
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return kept


def _what_is_wrong(digest: str, array: np.ndarray, *, sealed: bool) -> str:
    what = f"array {digest[:12]} does not have the digest that it is stored under"
    if sealed:
        return f"{what}, and once it had: the server's storage is damaged; restore its files from a copy"
    state = "it is all zeros, so its writer died half-way" if not array.any() else "it was never finished"
    return f"{what}; {state}; storing the same array again heals it"
