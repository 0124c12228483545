# h5py and its C functions are not typed.
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Datasets packed by HDF5's LZF filter, several chunks at a time.

HDF5 packs one chunk after another and lets no other thread in meanwhile. What packs is a plain C function
that h5py brings along; called by threads of ours, it does the same to several chunks at once, and whoever
reads the file sees no difference. Where h5py does not show that function, HDF5 packs by itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

import h5py
import h5py.h5z
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALONG_EACH = 8
"""Chunks along each dimension: 64 of 140 kB in a map of 4M pixels of 16 bits."""
UNPACKED = 1
"""Filter mask of a chunk that the first filter, the only one, has left as it is."""


@dataclass(frozen=True)
class _Chunks:
    """An array, chunk by chunk."""

    array: NDArray[Any]
    shape: tuple[int, ...]
    pack: Callable[[bytes], bytes]
    _known: dict[bytes, bytes] = field(default_factory=dict)
    """Of a mask, whose chunks are often the same; others differ, and looking would cost more."""

    @property
    def offsets(self) -> list[tuple[int, ...]]:
        """Return where each chunk begins."""
        whole = zip(self.array.shape, self.shape, strict=True)
        return list(product(*(range(0, size, step) for size, step in whole)))

    def packed(self, offset: tuple[int, ...]) -> tuple[int, bytes]:
        """Return the filter mask and the bytes of a chunk."""
        raw = self._raw(offset)
        if self.array.dtype != bool:
            packed = self.pack(raw)
        elif (packed := self._known.get(raw, b"")) == b"":
            packed = self._known[raw] = self.pack(raw)
        return (0, packed) if packed else (UNPACKED, raw)

    def _raw(self, offset: tuple[int, ...]) -> bytes:
        """Return a chunk; one that reaches beyond the array is filled up with zeros."""
        part = self.array[tuple(slice(at, at + size) for at, size in zip(offset, self.shape, strict=True))]
        if part.shape == self.shape:
            return part.tobytes()
        whole = np.zeros(self.shape, part.dtype)
        whole[tuple(map(slice, part.shape))] = part
        return whole.tobytes()


def create_packed(group: h5py.Group, arrays: Mapping[str, NDArray[Any]], threads: Executor) -> None:
    """Create a dataset packed by LZF for each array.

    Args:
        group: Of a file that is open to be written.
        arrays: By name; none is a scalar.
        threads: Pack; this one writes.
    """
    pack = packer()
    if pack is None:
        for name, array in arrays.items():
            group.create_dataset(name, data=array, chunks=_chunk_shape(array), compression="lzf")
        return
    jobs: list[tuple[h5py.Dataset, tuple[int, ...], Future[tuple[int, bytes]]]] = []
    for name, array in arrays.items():
        chunks = _Chunks(array, _chunk_shape(array), pack)
        dataset = group.create_dataset(
            name, shape=array.shape, dtype=array.dtype, chunks=chunks.shape, compression="lzf"
        )
        jobs += [(dataset, offset, threads.submit(chunks.packed, offset)) for offset in chunks.offsets]
    for dataset, offset, job in jobs:
        filter_mask, content = job.result()
        dataset.id.write_direct_chunk(offset, content, filter_mask)


def _chunk_shape(array: NDArray[Any]) -> tuple[int, ...]:
    """Return a shape of which few are needed, and one fits into a core's own cache."""
    return tuple(-(-size // ALONG_EACH) for size in array.shape)


@cache
def packer() -> Callable[[bytes], bytes] | None:
    """Return what packs bytes by LZF, to none if they become no shorter; None if h5py does not show it."""
    try:
        compress = ctypes.CDLL(h5py.h5z.__file__).lzf_compress
    except (OSError, AttributeError):
        return None
    # unsigned lzf_compress(const void *in, unsigned in_len, void *out, unsigned out_len), as in h5py's lzf.h
    compress.restype = ctypes.c_uint
    compress.argtypes = (ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p, ctypes.c_uint)

    def pack(raw: bytes) -> bytes:
        room = ctypes.create_string_buffer(len(raw))
        return ctypes.string_at(room, compress(raw, len(raw), room, len(raw)))

    return pack
