"""What threads of ours packed, HDF5 unpacks, as if it had packed it itself."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from xpcs_mask_bluesky.files import packing
from xpcs_mask_bluesky.files.packing import create_packed, reading

DTYPES = st.sampled_from([np.dtype(each) for each in (bool, "u1", "u2", "u4", "i8", "f8")])


def by_us(file, array):
    with ThreadPoolExecutor(2) as threads:
        create_packed(file, {"array": array}, threads)
    return file["array"]


def read(dataset):
    with ThreadPoolExecutor(2) as threads:
        return reading(dataset, threads)()


def filter_masks(dataset):
    count = dataset.id.get_num_chunks()
    return [dataset.id.get_chunk_info(number).filter_mask for number in range(count)]


def compared(array):
    """Return both datasets of a file in memory: ours, and that which HDF5 packs by itself."""
    file = h5py.File(io.BytesIO(), "w")
    ours = by_us(file, array)
    return ours, file.create_dataset("theirs", data=array, chunks=ours.chunks, compression="lzf")


def check(array):
    ours, theirs = compared(array)
    assert ours.dtype == theirs.dtype
    assert (ours.chunks, ours.compression) == (theirs.chunks, theirs.compression) == (ours.chunks, "lzf")
    assert ours.id.get_num_chunks() == theirs.id.get_num_chunks()
    assert np.array_equal(ours[()], array, equal_nan=array.dtype.kind == "f")  # HDF5 unpacks it
    for each in (ours, theirs):
        assert np.array_equal(read(each), array, equal_nan=array.dtype.kind == "f")
    return ours, theirs


@given(arrays(DTYPES, array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=300)))
def test_what_hdf5_unpacks_is_what_went_in(array):
    check(array)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16])
def test_large_maps_that_end_within_a_chunk_come_out_as_they_went_in(dtype):
    rows, columns = np.indices((2162, 2068))
    ours, theirs = check((np.hypot(rows - 1000, columns - 900) / 4).astype(np.uint16).astype(dtype))
    assert len(filter_masks(ours)) > 4
    assert not any(filter_masks(ours))
    # of equal chunks the bytes may differ: LZF begins with a table that it does not clear
    sizes = [each.id.get_storage_size() for each in (ours, theirs)]
    assert sizes[0] == pytest.approx(sizes[1], rel=1e-3)


def test_noise_that_cannot_be_packed_is_kept_as_it_is():
    ours, theirs = check(np.random.default_rng(1).integers(0, 2**16, (200, 304), dtype=np.uint16))
    assert set(filter_masks(ours)) == set(filter_masks(theirs)) == {packing.UNPACKED}


def test_where_h5py_shows_no_packer_hdf5_packs_by_itself(monkeypatch):
    assert packing.packer() is not None  # the h5py that is tested shows it
    monkeypatch.setattr(packing, "packer", lambda: None)
    check(np.arange(5000, dtype=np.uint16).reshape(50, 100) // 7)


@given(st.binary(max_size=300), st.integers(0, 63))
def test_a_chunk_of_anything_is_refused_or_has_its_size(junk, number):
    ours, _ = compared(np.arange(6400, dtype=np.uint16).reshape(80, 80) // 9)
    ours.id.write_direct_chunk((number // 8 * 10, number % 8 * 10), junk or b"\0", 0)
    try:
        assert read(ours).shape == (80, 80)
    except OSError as error:
        assert "cannot be unpacked" in str(error)


def test_a_dataset_without_all_of_its_chunks_is_left_to_hdf5():
    file = h5py.File(io.BytesIO(), "w")
    sparse = file.create_dataset("a", (80, 80), "u2", chunks=(10, 10), compression="lzf", fillvalue=7)
    sparse[:10, :10] = 1
    assert np.array_equal(read(sparse), sparse[()])
    assert read(sparse)[79, 79] == 7
