"""A recovered catalogue: what is half-written, missing or damaged is healed or reported, never served."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict

import numpy as np
import pytest
from tiled.client.utils import ClientError
from tiled.structures.core import Spec

from xpcs_mask_bluesky import Circle, MaskCatalog
from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.store.errors import DamagedData, DamagedLog
from xpcs_mask_bluesky.store.layout import COMMIT_SPEC, create
from xpcs_mask_bluesky.store.log import LogEntry

SHAPE = (30, 40)


@pytest.fixture
def eiger(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    eiger.edit("me").circle(row=5, column=5, radius=2)
    return eiger


@pytest.fixture
def elsewhere(catalog):
    """The same detector for a client that shares no cache."""
    return MaskCatalog.open(catalog.client, path=catalog.path)["eiger4M"]


def write_entry(eiger, seq, **content):
    """Write what no edit writes."""
    entry = asdict(LogEntry(seq=seq, time=0.0, kind="mask", author="nobody")) | content
    create(eiger["log"], f"{seq:08d}", metadata=entry, specs=[Spec(COMMIT_SPEC, version="1")])


APPLY = {"action": "apply", "operation": Circle(row=9, column=9, radius=1).model_dump(mode="json")}
DAMAGED = {
    "an entry is missing": (3, {"parent": 2, "body": {"actions": [], "state": ""}}, "missing or damaged"),
    "no actions": (2, {"parent": 1, "body": {}}, "entry 2 of the mask is damaged"),
    "another state": (
        2,
        {"parent": 1, "body": {"actions": [APPLY], "state": "0" * 64}},
        "does not make the mask",
    ),
    "an impossible action": (
        2,
        {"parent": 1, "body": {"actions": [{"action": "disable", "index": 7}], "state": ""}},
        "no operation 7",
    ),
    "an unknown action": (
        2,
        {"parent": 1, "body": {"actions": [{"action": "squash"}], "state": ""}},
        "newer version",
    ),
    "a field too many": (2, {"colour": "red"}, "entry 2 is damaged"),
    "a newer schema": (2, {"schema": 99}, "schema 99"),
}
REFUSED_BY_THE_SERVER = {"a field too many", "a newer schema"}


def alter_newest(directory, **content):
    """Change the metadata of the newest node behind the server's back, as a newer server's would be."""
    with closing(sqlite3.connect(directory / "catalog.db")) as database, database:
        database.execute(
            "UPDATE nodes SET metadata = json_patch(metadata, ?) WHERE id = (SELECT max(id) FROM nodes)",
            (json.dumps(content),),
        )


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_log_is_a_clear_error_and_nothing_is_appended_to_it(
    eiger, elsewhere, server_directory, what
):
    seq, content, words = DAMAGED[what]
    if what in REFUSED_BY_THE_SERVER:
        with pytest.raises(ClientError, match="400: failed validation"):
            write_entry(eiger, seq, **content)
        write_entry(eiger, seq)
        alter_newest(server_directory, **content)
    else:
        write_entry(eiger, seq, **content)
    for ask in (
        elsewhere.mask,
        elsewhere.history,
        lambda: elsewhere.edit("me").circle(row=9, column=9, radius=1),
        lambda: elsewhere.edit("me").undo(),
        lambda: eiger.edit("me").pixels([(0, 0)]),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            ask()
        assert isinstance(caught.value, DamagedLog) or what == "a newer schema"
    assert eiger.head() == seq


def half_written(eiger, array):
    """Leave a node as a writer does that dies before it sends the data."""
    from tiled.structures.array import ArrayStructure
    from tiled.structures.core import StructureFamily
    from tiled.structures.data_source import DataSource

    source = DataSource(structure=ArrayStructure.from_array(array), structure_family=StructureFamily.array)
    metadata = {"sealed": False}
    eiger["blobs"].new(StructureFamily.array, [source], key=array_digest(array), metadata=metadata)


def test_a_half_written_array_is_healed_by_the_edit_that_brings_it_again(eiger, elsewhere):
    good = np.arange(1200).reshape(SHAPE) % 5 > 0
    half_written(eiger, good)
    with pytest.raises(DamagedData, match="died half-way; storing the same array again heals it"):
        eiger.blobs.get(array_digest(good))
    eiger.edit("staff", layer="blemish").blemish(good)
    assert np.array_equal(np.asarray(elsewhere.blemish()), good)


def test_a_finished_array_whose_storage_was_lost_is_reported_and_never_served(
    eiger, elsewhere, server_directory
):
    good = np.random.default_rng(20261125).random(SHAPE) > 0.1  # nobody else stores the same
    eiger.edit("staff", layer="blemish").blemish(good)
    (stored,) = server_directory.rglob(array_digest(good))
    chunks = [path for path in stored.rglob("*") if path.is_file() and path.name != "zarr.json"]
    assert chunks
    for path in chunks:
        path.unlink()  # what is left reads as zeros
    with pytest.raises(DamagedData, match="storage is damaged; restore its files"):
        elsewhere.mask()
    with pytest.raises(DamagedData, match="storage is damaged"):
        elsewhere.edit("staff", layer="blemish").blemish(good)
