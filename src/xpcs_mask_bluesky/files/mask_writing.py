# fabio has no types.
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false
"""Masks into image files, for pyFAI, silx, fit2d and others, with polarity and orientation declared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from xpcs_mask_bluesky.files.images import Orientation, Polarity
from xpcs_mask_bluesky.files.replacing import replaced
from xpcs_mask_bluesky.masks.pixel_mask import to_pixel_mask

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

DATASET = "/entry/mask"
"""Where an HDF5 file holds the mask by default."""


def write_mask(
    mask: ArrayLike,
    path: str | os.PathLike[str],
    *,
    polarity: Polarity,
    orientation: Orientation = "row,column",
    dataset: str = DATASET,
) -> Path:
    """Write a mask to a file whose suffix tells the format, and return its path.

    TIFF, HDF5, NPY, EDF and fit2d's .msk. pyFAI and silx take ``polarity="bad"`` and ``"row,column"``.
    :func:`~xpcs_mask_bluesky.read_mask` with the same words gives the mask back.

    Args:
        mask: Boolean ``(rows, columns)``, True = counted, or a :class:`~xpcs_mask_bluesky.Mask`.
        path: An existing file is replaced as a whole.
        polarity: What a pixel is that is 1 in the file: ``"good"`` or ``"bad"``; or ``"pixel_mask"``.
        orientation: What the file's two indices count, each with ``-`` where it counts from the end.
        dataset: Path inside an HDF5 file.

    Raises:
        ValueError: If the mask is not boolean and two-dimensional, or the format, polarity or orientation is
            not known.
    """
    given = np.asarray(mask)
    if given.ndim != 2 or given.dtype != bool:
        raise ValueError(
            f"mask is {given.dtype} {given.shape}; expected bool (rows, columns), True = counted"
        )
    write = _writer(Path(path))
    array = _turned(_values(given, polarity), orientation)
    with replaced(path) as temporary:
        write(temporary, np.ascontiguousarray(array), dataset)
    return Path(path)


def _values(mask: np.ndarray, polarity: str) -> np.ndarray:
    if polarity not in get_args(Polarity):
        raise ValueError(f"polarity is {polarity!r}; expected one of {', '.join(get_args(Polarity))}")
    if polarity == "pixel_mask":
        return to_pixel_mask(mask)
    return (mask if polarity == "good" else ~mask).astype(np.uint8)


def _turned(array: np.ndarray, orientation: str) -> np.ndarray:
    if orientation not in get_args(Orientation):
        raise ValueError(f"orientation is {orientation!r}; expected one of {get_args(Orientation)}")
    first, second = orientation.split(",")
    turned = array.T if "column" in first else array
    turned = turned[::-1] if first.startswith("-") else turned
    return turned[:, ::-1] if second.startswith("-") else turned


def _writer(path: Path) -> Callable[[Path, np.ndarray, str], None]:
    for write, suffixes in _WRITERS.items():
        if path.suffix.lower() in suffixes:
            return write
    known = ", ".join(suffix for suffixes in _WRITERS.values() for suffix in suffixes)
    raise ValueError(f"{path.name} has a suffix that tells no format; known are {known}")


def _write_tiff(path: Path, array: np.ndarray, dataset: str) -> None:
    import tifffile

    tifffile.imwrite(path, array)  # fabio, and so pyFAI, cannot unpack a compressed one


def _write_hdf5(path: Path, array: np.ndarray, dataset: str) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset(dataset, data=array, compression="gzip", shuffle=True)


def _write_npy(path: Path, array: np.ndarray, dataset: str) -> None:
    with path.open("wb") as file:  # given a name, numpy adds a suffix of its own
        np.save(file, array, allow_pickle=False)


def _write_edf(path: Path, array: np.ndarray, dataset: str) -> None:
    from fabio.edfimage import EdfImage

    EdfImage(data=array).write(str(path))


def _write_msk(path: Path, array: np.ndarray, dataset: str) -> None:
    from fabio.fit2dmaskimage import Fit2dMaskImage

    if array.max(initial=0) > 1:
        raise ValueError(".msk holds one bit for each pixel, not those of a NeXus pixel_mask")
    Fit2dMaskImage(data=array).write(str(path))


_WRITERS = {
    _write_tiff: (".tif", ".tiff"),
    _write_hdf5: (".h5", ".hdf5", ".hdf", ".nxs"),
    _write_npy: (".npy",),
    _write_edf: (".edf",),
    _write_msk: (".msk",),
}
