"""What an HDF5 file may not ask for: other files, more than there can be, or what is no data."""

import struct
import subprocess
import sys
import zlib

import h5py
import numpy as np
import pytest

from tests.unit.qmap_files import SHAPE, content, write
from xpcs_mask_bluesky import check_qmap_file, read_foreign_qmap, read_qmap
from xpcs_mask_bluesky.files.hdf5_content import LARGEST_ARRAY, member_group, read_content
from xpcs_mask_bluesky.files.isolated import read_isolated


def read(path):
    with h5py.File(path) as file:
        return read_content(member_group(file, "/qmap"))


def linked(target):
    def add(group):
        del group["mask"]
        group["mask"] = target

    return add


def external_storage(group):
    del group["mask"]
    group.create_dataset("mask", SHAPE, "u1", external=[("/etc/hostname", 0, 192)])


def virtual(group):
    del group["mask"]
    layout = h5py.VirtualLayout(SHAPE, "u1")
    layout[:] = h5py.VirtualSource("other.h5", "mask", SHAPE)
    group.create_virtual_dataset("mask", layout)


def instead(name, **options):
    def add(group):
        del group[name]
        group.create_dataset(name, **options)

    return add


def nothing(group):
    del group["energy"]
    group["energy"] = h5py.Empty("f8")


def many(group):
    for number in range(60):
        group[f"more{number}"] = number


def marked(group):
    for number in range(70):
        group.attrs[f"mark{number}"] = number


REFUSED = {
    "external link": (linked(h5py.ExternalLink("/etc/passwd", "/mask")), r"link to '/mask' in another file"),
    "soft link": (linked(h5py.SoftLink("/qmap/blemish")), "is a link to '/qmap/blemish'"),
    "external storage": (external_storage, "keeps its data in another file, '/etc/hostname'"),
    "virtual": (virtual, "is virtual"),
    "a billion elements": (instead("mask", shape=(31623, 31623), dtype="u1", chunks=(100, 100)), "10000141"),
    "a billion in one row": (instead("static_v_list_dim0", shape=(10**9,), dtype="f8"), "1000000000"),
    "a chunk bomb": (
        instead("mask", shape=SHAPE, maxshape=(None, None), chunks=(2**14, 2**14), dtype="u1"),
        "chunks of 268435456 bytes",
    ),
    "a million chunks": (
        instead("mask", shape=(2000, 2000), chunks=(1, 1), dtype="u1"),
        "4000000 chunks",
    ),
    "many texts": (instead("map_names", shape=(10**6,), dtype=h5py.string_dtype()), "declares 1000000 texts"),
    "a compound": (
        instead("energy", data=np.zeros((), [("a", "f8"), ("b", "f8")])),
        "expected numbers or text",
    ),
    "a reference": (instead("energy", shape=(), dtype=h5py.ref_dtype), "expected numbers or text"),
    "ragged lists": (instead("energy", shape=(2,), dtype=h5py.vlen_dtype("f8")), "expected numbers or text"),
    "complex numbers": (instead("energy", data=1j), "expected numbers or text"),
    "a strange filter": (
        instead("mask", data=np.ones(SHAPE, "u1"), scaleoffset=0),
        "filter HDF5 number 6",
    ),
    "no value": (nothing, "has no value"),
    "too many datasets": (many, "entries; a /qmap file has up to 64"),
    "too many attributes": (marked, "70 attributes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_anything_of_it_is_read(tmp_path, case):
    add, reason = REFUSED[case]
    path = write(tmp_path / "qmap.hdf", more=add)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match=reason):
        read(path)


def test_many_arrays_of_the_largest_size_are_too_much_together(tmp_path):
    def add(group):
        for number in range(3):
            group.create_dataset(f"more{number}", (LARGEST_ARRAY,), "f8", chunks=(2**20,))

    with pytest.raises(ValueError, match="declares 16106"):
        read(write(tmp_path / "qmap.hdf", more=add))


def test_a_group_reached_by_a_link_is_refused(tmp_path):
    write(tmp_path / "there.hdf")
    with h5py.File(tmp_path / "here.hdf", "w") as file:
        file["qmap"] = h5py.ExternalLink("there.hdf", "/qmap")
    for reads in (read_qmap, read_foreign_qmap, check_qmap_file):
        with pytest.raises(ValueError, match=r"here\.hdf: /qmap is a link to '/qmap' in another file"):
            reads(tmp_path / "here.hdf")


def test_bytes_that_are_neither_false_nor_true_are_true(tmp_path):
    path = write(tmp_path / "qmap.hdf")
    with h5py.File(path, "a") as file:
        at = file["qmap/mask"].id.get_offset()
    raw = bytearray(path.read_bytes())
    raw[at : at + 3] = b"\x07\xff\x01"
    path.write_bytes(raw)
    mask = read(path).datasets["mask"]
    assert mask[0, :4].tolist() == [True, True, True, False]
    assert mask.view(np.uint8).max() == 1


def test_a_chunk_that_inflates_without_end_is_refused_in_bounded_memory(tmp_path):
    path = tmp_path / "bomb.hdf"
    packer = zlib.compressobj()
    first, again = (packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + again * 2**9  # 8 GiB of zeros
    datasets = content()
    del datasets["mask"]

    def add(group):
        mask = group.create_dataset("mask", SHAPE, "u1", chunks=SHAPE, compression="gzip")
        mask.id.write_direct_chunk((0, 0), bomb)

    write(path, datasets, more=add)
    with pytest.raises(ValueError, match=r"bomb\.hdf: cannot be read as HDF5"):
        read_isolated(path, ["/qmap"], memory=2**30)


def test_a_crash_of_the_reading_process_is_an_error_here(tmp_path, monkeypatch):
    real = subprocess.run

    def crash(command, **options):
        return real(
            [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"], **options
        )

    monkeypatch.setattr(subprocess, "run", crash)
    with pytest.raises(ValueError, match="the HDF5 library ended with SIGSEGV: is it damaged"):
        read_isolated(write(tmp_path / "qmap.hdf"), ["/qmap"])


def test_a_read_that_does_not_end_is_an_error_here(tmp_path):
    with pytest.raises(ValueError, match=r"reading qmap\.hdf took over 0\.01 s"):
        read_isolated(write(tmp_path / "qmap.hdf"), ["/qmap"], seconds=0.01)


def test_what_is_no_hdf5_file_is_said(tmp_path):
    (tmp_path / "text.hdf").write_text("no HDF5")
    for reads in (read_foreign_qmap, check_qmap_file, read_qmap):
        with pytest.raises(ValueError, match=r"text\.hdf.*cannot be read as HDF5"):
            reads(tmp_path / "text.hdf")


def test_a_cut_file_is_said(tmp_path):
    path = write(tmp_path / "qmap.hdf")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"cannot be read as HDF5: .*truncated"):
        read_foreign_qmap(path)


def test_a_superblock_that_points_beyond_the_file_is_said(tmp_path):
    path = write(tmp_path / "qmap.hdf")
    raw = bytearray(path.read_bytes())
    raw[40:48] = struct.pack("<Q", 2**62)
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"qmap\.hdf"):
        read_foreign_qmap(path)
