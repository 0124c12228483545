"""A key is in no log, no representation, no error, no file and no picture, and no file bombs its reader."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from tests.system.routes import RECORD
from xpcs_mask_bluesky import CatalogUnavailable, MaskCatalog, PartitionCallback, PartitionRecipe, write_qmap
from xpcs_mask_bluesky.server.connection import CONNECTION_FILE, Connection, read_connection
from xpcs_mask_bluesky.server.redaction import redacted

KEEPS_THE_KEY = {CONNECTION_FILE}
"""Readable by its owner alone; see test_server.py."""


@pytest.fixture
def said():
    """Everything that any library logs, DEBUG included."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_session_leaves_the_key_in_nothing_but_its_own_file(tmp_path, said, capfd):
    served, made = tmp_path / "served", tmp_path / "made"
    made.mkdir()
    with MaskCatalog.open(served) as catalog:
        key = read_connection(served).key
        detector = catalog.create_detector("det", shape=RECORD.shape)
        detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
        detector.edit().circle(row=3, column=3, radius=2)
        use = detector.publish(RECORD, run_uid="r1")
        callback = PartitionCallback(catalog, spool=made / "spool")
        write_qmap(use.partition.read(), made / "qmap.hdf")
        detector.show().savefig(made / "mask.png")
        use.partition.show().savefig(made / "partition.pdf")
        told = [catalog, catalog._link, catalog._link._connection, detector, callback, use, detector.log()]
        told += [catalog.md(), callback.status(), use.path, catalog.uri, catalog.client.context]
        wrong = Connection(uri=catalog.uri, key="f" * 64, catalogue="c")
        told.append(refusal(lambda: MaskCatalog.open(wrong.uri, api_key=wrong.key)))
        told.append(refusal(lambda: MaskCatalog.open(f"http://127.0.0.1:9?api_key={key}").client))
        shown = repr(told) + str(told)
        callback.close(10)
    out, err = capfd.readouterr()
    for text in (shown, said.getvalue(), out, err):
        assert key not in text
        assert wrong.key not in text
    holding = {
        each.name for each in tmp_path.rglob("*") if each.is_file() and key.encode() in each.read_bytes()
    }
    assert holding == KEEPS_THE_KEY


def refusal(act):
    with pytest.raises((PermissionError, CatalogUnavailable)) as caught:
        act()
    chain, error = [], caught.value
    while error is not None:
        chain += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return chain


@pytest.mark.parametrize(
    "line",
    [
        "GET /api/v1/?api_key=0123abcd&x=1 HTTP/1.1",
        "GET /?x=1&api_key=0123abcd",
        "WS /stream?access_token=0123abcd",
    ],
)
def test_the_access_log_shows_stars_in_place_of_a_key(line):
    assert "0123abcd" not in redacted(line)
    assert "***" in redacted(line)
    assert redacted("GET /api/v1/search/?x=1") == "GET /api/v1/search/?x=1"


SMALL = (64, 64)
READ = """
import json, resource, sys
import xpcs_mask_bluesky as x
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
read, path, dataset = sys.argv[1:]
shape = dict(shape=(64, 64), polarity="good", orientation="row,column", dataset=dataset or None)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    x.read_foreign_qmap(path) if read == "read_foreign_qmap" else getattr(x, read)(path, **shape)
    said = "read it"
except ValueError as error:
    said = f"{type(error).__name__}: {error}"
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps([said, grown / 1024]))
"""


def huge_npy(path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)


def long_header_npy(path):
    path.write_bytes(b"\x93NUMPY\x02\x00" + (2**31 - 1).to_bytes(4, "little") + b" " * 64)


def object_npy(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def tiff(path):
    import tifffile

    tifffile.imwrite(path, np.zeros((40_000, 40_000), np.uint8), compression="zlib")


def chunk_bomb(path):
    import h5py

    with h5py.File(path, "w") as file:
        whole = {"shape": SMALL, "maxshape": (None, None), "chunks": (16_000, 32_000)}
        file.create_dataset("mask", dtype="u1", compression="gzip", **whole)[...] = 1
        file["qmap/mask"] = file["qmap/dynamic_roi_map"] = file["mask"]


BOMBS = {"huge.npy": huge_npy, "header.npy": long_header_npy, "object.npy": object_npy, "zeros.tif": tiff}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("read", ["file_mask"])
def test_a_mask_file_that_unpacks_to_too_much_is_refused_by_its_header(tmp_path, read, name):
    BOMBS[name](tmp_path / name)
    refused(read, tmp_path / name)


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    path = tmp_path_factory.mktemp("bomb") / "bomb.hdf"
    chunk_bomb(path)
    return path


@pytest.mark.parametrize("read", ["read_mask", "file_mask", "read_foreign_qmap"])
def test_an_hdf5_chunk_that_unpacks_to_half_a_gigabyte_is_refused(bomb, read):
    refused(read, bomb, "mask")


def refused(read, path, dataset=""):
    """Check that a reader says no, within 60 s and 200 MB."""
    command = [sys.executable, "-c", READ, read, str(path), dataset]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    said, grown = json.loads(done.stdout)
    assert "Error: " in said, said
    assert grown < 200, f"{said}: {grown:.0f} MB"
