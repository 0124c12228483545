# h5py and its C functions are not typed.
# pyright: reportUnknownMemberType=false, reportAttributeAccessIssue=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
"""Datasets packed, and unpacked, by HDF5's LZF filter, several chunks at a time.

HDF5 packs one chunk after another and lets no other thread in meanwhile. What packs is a plain C function
that h5py brings along; called by threads of ours, it does the same to several chunks at once, and whoever
reads the file sees no difference. Where h5py does not show that function, HDF5 packs by itself.
"""

from __future__ import annotations

import ctypes
import math
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
LZF = 32000
"""HDF5's number of the filter."""
MOST_AT_ONCE = 4096
"""Chunks of a dataset that are fetched before the first is unpacked."""
UNPACKED = 1
"""Filter mask of a chunk that the first filter, the only one, has left as it is."""


@dataclass(frozen=True)
class _Chunks:
    """An array, chunk by chunk."""

    array: NDArray[Any]
    shape: tuple[int, ...]
    pack: Callable[..., bytes]
    """Packs bytes, or unpacks them to a size."""
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

    def place(self, offset: tuple[int, ...], filter_mask: int, content: bytes) -> None:
        """Unpack a chunk into the array.

        Raises:
            OSError: It does not become a chunk.
        """
        size = math.prod(self.shape) * self.array.dtype.itemsize
        raw = content if filter_mask & UNPACKED else self.pack(content, size)
        if len(raw) != size:
            raise OSError(f"the chunk at {offset} cannot be unpacked to {size} bytes")
        here = self.array[tuple(slice(at, at + step) for at, step in zip(offset, self.shape, strict=True))]
        here[...] = np.frombuffer(raw, self.array.dtype).reshape(self.shape)[tuple(map(slice, here.shape))]

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


def reading(dataset: h5py.Dataset, threads: Executor) -> Callable[[], NDArray[Any]]:
    """Begin to read a dataset that was found safe to read, and return what waits for its values.

    Args:
        dataset: Numbers or texts, of a file that stays open until then.
        threads: Unpack; this one fetches.

    Raises:
        OSError: It cannot be decoded; also where the values are waited for.
    """
    unpack = unpacker()
    if unpack is None or dataset.chunks is None or not _is_packed(dataset):
        value = dataset[()]
        return lambda: value
    array = np.empty(dataset.shape, dataset.dtype)
    chunks = _Chunks(array, dataset.chunks, unpack)
    jobs = [
        threads.submit(chunks.place, offset, *dataset.id.read_direct_chunk(offset))
        for offset in chunks.offsets
    ]

    def wait() -> NDArray[Any]:
        for job in jobs:
            job.result()
        return array

    return wait


def _is_packed(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset has some chunks, all are there, and LZF alone has packed them."""
    if dataset.chunks is None or dataset.dtype.kind not in "bui":
        return False
    properties = dataset.id.get_create_plist()
    if [properties.get_filter(number)[0] for number in range(properties.get_nfilters())] != [LZF]:
        return False
    count = math.prod(-(-size // step) for size, step in zip(dataset.shape, dataset.chunks, strict=True))
    return 1 < count <= MOST_AT_ONCE and dataset.id.get_num_chunks() == count


def _chunk_shape(array: NDArray[Any]) -> tuple[int, ...]:
    """Return a shape of which few are needed, and one fits into a core's own cache."""
    return tuple(-(-size // ALONG_EACH) for size in array.shape)


@cache
def unpacker() -> Callable[[bytes, int], bytes] | None:
    """Return what unpacks bytes to a size, to none if they do not have it; None if h5py does not show it."""
    try:
        decompress = ctypes.CDLL(h5py.h5z.__file__).lzf_decompress
    except (OSError, AttributeError):
        return None
    # unsigned lzf_decompress(const void *in, unsigned in_len, void *out, unsigned out_len): within both
    decompress.restype = ctypes.c_uint
    decompress.argtypes = (ctypes.c_char_p, ctypes.c_uint, ctypes.c_char_p, ctypes.c_uint)

    def unpack(packed: bytes, size: int) -> bytes:
        room = ctypes.create_string_buffer(size)
        return ctypes.string_at(room, decompress(packed, len(packed), room, size))

    return unpack


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
