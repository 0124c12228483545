# h5py, fabio and tifffile type what they read as any of its kinds.
# pyright: reportAttributeAccessIssue=false, reportMissingTypeStubs=false, reportIndexIssue=false
"""Masks from image files, with polarity and orientation declared, never guessed."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from xpcs_mask_bluesky.masks.pixel_mask import from_pixel_mask
from xpcs_mask_bluesky.masks.stored import FileMask

Polarity = Literal["good", "bad", "pixel_mask"]
"""What a pixel is that is not zero; or the bits of NXdetector's ``pixel_mask``."""
Orientation = Literal[
    "row,column",
    "row,-column",
    "-row,column",
    "-row,-column",
    "column,row",
    "column,-row",
    "-column,row",
    "-column,-row",
]
"""Which of the detector's indices the file's first and second index count; ``-``: from its end."""

Check = Callable[[tuple[int, ...], np.dtype], None]
DAMAGED = (
    AssertionError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What readers raise on damaged files, all of them together."""


LEAST_CHUNK = 2**24
"""Bytes of a chunk that a small mask may have, unpacked."""


class MaskFileError(ValueError):
    """A file does not hold the mask that it was declared to hold."""


def file_mask(
    path: str | Path,
    *,
    shape: tuple[int, int],
    polarity: Polarity,
    orientation: Orientation,
    dataset: str | None = None,
) -> FileMask:
    """Return the operation of a mask in a file; see :func:`read_mask`."""
    array = read_mask(path, shape=shape, polarity=polarity, orientation=orientation, dataset=dataset)
    return FileMask.from_array(array, source=Path(path).name)


def read_mask(
    path: str | Path,
    *,
    shape: tuple[int, int],
    polarity: Polarity,
    orientation: Orientation,
    dataset: str | None = None,
) -> np.ndarray:
    """Return the mask in a file: boolean ``(rows, columns)``, True = good.

    Read are TIFF, HDF5, NPY, EDF, CBF and fit2d's .msk. Nothing but the header is read before the
    shape is known to be the detector's.

    Args:
        path: The file; its suffix tells the format.
        shape: Rows and columns of the detector.
        polarity: What a pixel is that is not zero: ``"good"`` or ``"bad"``; ``"pixel_mask"``: NeXus bits.
        orientation: What the file's two indices count: ``"row,column"``, or ``"column,row"`` of a
            transposed file, each with ``-`` where it counts from the end (``"-row,column"``: upside down).
        dataset: Path inside an HDF5 file.

    Raises:
        MaskFileError: (a ``ValueError``) If the file is damaged, has another shape, or does not hold
            two values.
        ValueError: If the format, the polarity or the orientation is not known.
        FileNotFoundError: If there is no such file.
    """
    path = Path(path)
    if polarity not in get_args(Polarity):
        raise ValueError(f"polarity is {polarity!r}; expected one of {', '.join(get_args(Polarity))}")
    if orientation not in get_args(Orientation):
        raise ValueError(f"orientation is {orientation!r}; expected one of {get_args(Orientation)}")
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")

    def check(found: tuple[int, ...], dtype: np.dtype) -> None:
        _check_shape(path, found, shape, orientation)
        if dtype.kind not in "buif":
            raise MaskFileError(f"{path.name} holds {dtype}; a mask is made of numbers")

    read = _reader(path)
    try:
        array = read(path, check, dataset)
    except MaskFileError:
        raise
    except DAMAGED as error:
        raise MaskFileError(f"{path.name} is damaged, perhaps cut short: {error}") from error
    return np.ascontiguousarray(_good(_oriented(array, orientation), polarity, path.name))


def _check_shape(path: Path, found: tuple[int, ...], shape: tuple[int, int], orientation: str) -> None:
    transposed = "column" in orientation.split(",", maxsplit=1)[0]
    expected = shape[::-1] if transposed else tuple(shape)
    if found == expected:
        return
    if found == expected[::-1]:
        first = "row" if transposed else "column"
        remedy = f"; it is transposed: declare an orientation with {first!r} first"
    else:
        remedy = "; is it of another detector, or binned?"
    raise MaskFileError(
        f"{path.name} is {found}, but {tuple(shape)} (rows, columns) stored as {orientation!r} "
        f"is {expected}{remedy}"
    )


def _oriented(array: np.ndarray, orientation: str) -> np.ndarray:
    first, second = orientation.split(",")
    if first.startswith("-"):
        array = array[::-1]
    if second.startswith("-"):
        array = array[:, ::-1]
    return array.T if "column" in first else array


def _good(array: np.ndarray, polarity: str, name: str) -> np.ndarray:
    if polarity == "pixel_mask":
        return from_pixel_mask(array)
    values = np.unique(array[array != 0])[:4]
    if len(values) > 1:
        raise ValueError(
            f"{name} holds several values that are not zero ({', '.join(f'{each:g}' for each in values)} …); "
            "a mask has one: is it an image, or a NeXus pixel_mask (polarity='pixel_mask')?"
        )
    return array != 0 if polarity == "good" else array == 0


def _reader(path: Path) -> Callable[[Path, Check, str | None], np.ndarray]:
    for read, suffixes in _READERS.items():
        if path.suffix.lower() in suffixes:
            return read
    known = ", ".join(suffix for suffixes in _READERS.values() for suffix in suffixes)
    raise ValueError(f"{path.name} has a suffix that tells no format; known are {known}")


def _read_tiff(path: Path, check: Check, dataset: str | None) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise MaskFileError(f"{path.name} holds {len(file.pages)} images; a mask is one")
        page = file.pages.first
        check(page.shape, np.dtype(page.dtype))
        return page.asarray()


def _read_hdf5(path: Path, check: Check, dataset: str | None) -> np.ndarray:
    import h5py

    if dataset is None:
        raise MaskFileError(f"{path.name} is HDF5: say which dataset=")
    with h5py.File(path) as file:
        found = file.get(dataset)
        if not isinstance(found, h5py.Dataset):
            raise MaskFileError(f"{path.name} has no dataset {dataset!r}; it has {_datasets(file)}")
        check(found.shape, found.dtype)
        _check_storage(found, path.name)
        return found[()]


def _check_storage(dataset: Any, name: str) -> None:
    """Raise unless reading a dataset reads this file only, and unpacks about as much as the dataset holds."""
    if dataset.external or dataset.is_virtual:
        raise MaskFileError(f"{name}: {dataset.name} keeps its data elsewhere; read the file that has it")
    unpacked = math.prod(dataset.chunks or (0,)) * dataset.dtype.itemsize
    most = max(LEAST_CHUNK, 2 * dataset.size * dataset.dtype.itemsize)
    if unpacked > most:
        raise MaskFileError(
            f"{name}: {dataset.name} has chunks of {unpacked} bytes, and the whole mask has "
            f"{dataset.size * dataset.dtype.itemsize}; expected up to {most}: is the file damaged?"
        )


def _datasets(file: object) -> str:
    import h5py

    names: list[str] = []

    def note(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 2 and len(names) < 10:
            names.append(f"/{name} {node.shape}")

    file.visititems(note)
    return ", ".join(names) or "none of two dimensions"


def _read_npy(path: Path, check: Check, dataset: str | None) -> np.ndarray:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    check(mapped.shape, mapped.dtype)
    return np.array(mapped)


def _read_fabio(path: Path, check: Check, dataset: str | None) -> np.ndarray:
    import fabio

    with _told_by_fabio() as told:
        header = fabio.openheader(str(path))
        check(tuple(int(each) for each in header.shape), np.dtype(getattr(header, "dtype", None) or "u1"))
        image = fabio.open(str(path))
        frames, array = image.nframes, np.asarray(image.data)
    if told:
        raise MaskFileError(f"{path.name} is damaged: {'; '.join(told)}")
    if frames != 1:
        raise MaskFileError(f"{path.name} holds {frames} images; a mask is one")
    check(array.shape, array.dtype)
    return array


@contextmanager
def _told_by_fabio() -> Iterator[list[str]]:
    """Collect fabio's warnings: it fills what is missing of a cut file, and says so only there."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())
    logger = logging.getLogger("fabio")
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)


_READERS = {
    _read_tiff: (".tif", ".tiff"),
    _read_hdf5: (".h5", ".hdf5", ".hdf", ".nxs"),
    _read_npy: (".npy",),
    _read_fabio: (".edf", ".cbf", ".msk"),
}
