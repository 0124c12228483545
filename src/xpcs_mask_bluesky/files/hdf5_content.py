# h5py types what [] returns as any of its kinds.
# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false
"""The content of an HDF5 group as plain values, read within bounds and from nowhere else.

Before anything of a dataset is read it is known that it lies in this file (no link, no external storage, no
virtual dataset), how large it becomes (declared size, chunks and filters), and that it holds numbers or text.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from xpcs_mask_bluesky.files.packing import LZF, reading
from xpcs_mask_bluesky.threads import Threads, threads_at_most

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value = Any
"""An array or scalar of numpy, a ``str``, or a tuple of ``str``."""

LARGEST_ARRAY = 2**26
"""Elements of a dataset; the largest detectors have 2**25 pixels."""
LARGEST_CONTENT = 2**29
"""Bytes of all datasets of a group together, unpacked."""
LARGEST_CHUNK = 2**24
"""Bytes of one chunk, unpacked as declared; what a deflated chunk becomes may be a thousand times larger."""
MOST_CHUNKS = 2**17
THREADS = 2
MOST_ENTRIES = 64
"""Datasets, attributes, or texts in one of them."""
KNOWN_FILTERS: Mapping[int, str] = {1: "deflate", 2: "shuffle", 3: "fletcher32", LZF: "lzf"}
"""What writers of ``/qmap`` files use, by HDF5's numbers."""


class UnsafeContent(ValueError):  # noqa: N818
    """A file asks for more than a ``/qmap`` file may hold, or for something outside itself."""


@dataclass(frozen=True, eq=False)
class Content:
    """A group's datasets and attributes."""

    datasets: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)
    marks: dict[str, dict[str, Value]] = field(default_factory=dict)
    """Attributes of each dataset."""

    def text(self, name: str) -> str | None:
        """Return an attribute of the group, if it is there and a text."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    def digest(self) -> str:
        """Return the SHA-256 over name, dtype, shape and values of every dataset, by name."""
        digest = hashlib.sha256()
        for name in sorted(self.datasets):
            value = self.datasets[name]
            if isinstance(value, (str, tuple)):
                texts = [value] if isinstance(value, str) else list(value)
                digest.update(f"{name}{json.dumps(texts)}".encode())
            else:
                array = np.ascontiguousarray(value)
                digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
                digest.update(array.data)
        return digest.hexdigest()


def described(value: Value) -> str:
    """Return a value, or of a large one its type and shape, for an error."""
    if isinstance(value, np.ndarray) and value.size != 1:
        return f"{value.dtype} {value.shape}"
    return repr(value)[:60]


def read_content(
    group: h5py.Group, *, names: Iterable[str] | None = None, filters: Iterable[int] = KNOWN_FILTERS
) -> Content:
    """Return what a group holds; groups within it are passed over.

    Args:
        group: Of a file that is open.
        names: Of the datasets that are wanted, where they are there; by default all.
        filters: HDF5's numbers of the filters that are allowed.

    Raises:
        UnsafeContent: (a ``ValueError``) If it is too large, or refers to something elsewhere.
        OSError: If it cannot be decoded.
    """
    if names is None and len(group) > MOST_ENTRIES:
        raise UnsafeContent(f"{group.name} has {len(group)} entries; a /qmap file has up to {MOST_ENTRIES}")
    wanted = group if names is None else (name for name in names if name in group)
    found = {name: _member(group, name) for name in wanted}
    datasets = {name: each for name, each in found.items() if isinstance(each, h5py.Dataset)}
    allowed = frozenset(filters)
    total = sum(_declared_bytes(each, allowed) for each in datasets.values())
    if total > LARGEST_CONTENT:
        raise UnsafeContent(f"{group.name} declares {total} bytes; a /qmap file has up to {LARGEST_CONTENT}")
    with Threads(threads_at_most(THREADS), "xpcs-mask-unpack") as threads:
        begun = {name: reading(each, threads) for name, each in datasets.items()}
    return Content(
        datasets={name: _value(datasets[name], wait()) for name, wait in begun.items()},
        attributes=_attributes(group),
        marks={name: _attributes(each) for name, each in datasets.items()},
    )


def member_group(file: h5py.Group, path: str) -> h5py.Group | None:
    """Return the group at a path, followed by hard links alone; None if it is not there.

    Raises:
        UnsafeContent: If a link leads elsewhere.
    """
    here: Any = file
    for name in path.strip("/").split("/"):
        if not isinstance(here, h5py.Group) or here.get(name, getlink=True) is None:
            return None
        here = _member(here, name)
    return here if isinstance(here, h5py.Group) else None


def _member(group: h5py.Group, name: str) -> Any:
    link = group.get(name, getlink=True)
    where = f"{(group.name or '').rstrip('/')}/{name}"
    if isinstance(link, h5py.ExternalLink):
        raise UnsafeContent(f"{where} is a link to {link.path!r} in another file, {link.filename!r}")
    if not isinstance(link, h5py.HardLink):
        raise UnsafeContent(f"{where} is a link to {getattr(link, 'path', '?')!r}; expected the data itself")
    return group[name]


def _declared_bytes(dataset: h5py.Dataset, filters: frozenset[int]) -> int:
    """Return how large a dataset becomes, after checking that it may be read."""
    if dataset.external:
        raise UnsafeContent(f"{dataset.name} keeps its data in another file, {dataset.external[0][0]!r}")
    if dataset.is_virtual:
        raise UnsafeContent(f"{dataset.name} is virtual: its data lies in other datasets or files")
    if dataset.shape is None:
        raise UnsafeContent(f"{dataset.name} has no value")
    size = math.prod(dataset.shape)
    if _is_text(dataset.dtype):
        if size > MOST_ENTRIES:
            raise UnsafeContent(f"{dataset.name} declares {size} texts; expected up to {MOST_ENTRIES}")
    elif dataset.dtype.kind not in "buif" or dataset.dtype.itemsize > 8:
        raise UnsafeContent(f"{dataset.name} holds {dataset.dtype}; expected numbers or text")
    if size > LARGEST_ARRAY:
        raise UnsafeContent(
            f"{dataset.name} declares {size} elements; a /qmap file has up to {LARGEST_ARRAY}"
        )
    _check_chunks(dataset, size, filters)
    return size * dataset.dtype.itemsize


def _check_chunks(dataset: h5py.Dataset, size: int, filters: frozenset[int]) -> None:
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code = properties.get_filter(number)[0]
        if code not in filters:
            name = KNOWN_FILTERS.get(code, f"HDF5 number {code}")
            raise UnsafeContent(
                f"{dataset.name} is packed with the filter {name}, which is not expected here"
            )
    if dataset.chunks is None or not size:
        return
    unpacked = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if unpacked > LARGEST_CHUNK:
        raise UnsafeContent(f"{dataset.name} has chunks of {unpacked} bytes; expected up to {LARGEST_CHUNK}")
    count = math.prod(-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))
    if count > MOST_CHUNKS:
        raise UnsafeContent(f"{dataset.name} has {count} chunks; expected up to {MOST_CHUNKS}")


def _is_text(dtype: np.dtype) -> bool:
    return h5py.check_string_dtype(dtype) is not None


def _value(dataset: h5py.Dataset, value: Any) -> Value:
    return _text(value) if _is_text(dataset.dtype) else _numbers(value)


def _numbers(value: Any) -> NDArray[Any]:
    array = np.asarray(value)
    # a file can hold any byte where HDF5 says FALSE or TRUE, and numpy takes it for a bool as it is
    return array.view(np.uint8) != 0 if array.dtype == bool else array


def _text(value: Any) -> str | tuple[str, ...]:
    if isinstance(value, np.ndarray):
        return tuple(_text_of(each) for each in value.ravel())
    return _text_of(value)


def _text_of(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _attributes(node: h5py.Group | h5py.Dataset) -> dict[str, Value]:
    """Return the attributes that are numbers or text; others say nothing to us."""
    if len(node.attrs) > MOST_ENTRIES:
        raise UnsafeContent(f"{node.name} has {len(node.attrs)} attributes; expected up to {MOST_ENTRIES}")
    found = {}
    for name in node.attrs:
        kind = node.attrs.get_id(name)
        if kind.shape is None or math.prod(kind.shape) > MOST_ENTRIES:
            continue
        if _is_text(kind.dtype):
            found[name] = _text(node.attrs[name])
        elif kind.dtype.kind in "buif":
            found[name] = _numbers(node.attrs[name])
    return found
