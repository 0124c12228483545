"""What each role's key may do through our own client and past it, and what a refusal says."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import numpy as np
import pytest
from tiled.structures.core import Spec

from tests.system.roles import client, own_key, session
from tests.system.routes import RECORD
from xpcs_mask_bluesky import (
    FileMask,
    GeometrySource,
    MaskCatalog,
    NotPermitted,
    PartitionCallback,
    PartitionRecipe,
)
from xpcs_mask_bluesky.server.roles import EDITOR
from xpcs_mask_bluesky.store.log import LogEntry

RECIPE = PartitionRecipe(dynamic=(4, 2), static=(16, 4))


@pytest.fixture
def as_role(users, keys, request):
    """Opens the test's catalogue with the key of a role; its detector and recipe are there."""
    path = request.node.originalname[:60]
    opened = []

    def open_as(role):
        opened.append(MaskCatalog.open(users.uris[0], path=path, api_key=keys[role]))
        return opened[-1]

    detector = open_as("staff").create_detector("det", shape=RECORD.shape)
    detector.set_recipe(RECIPE)
    yield open_as
    for catalog in opened:
        catalog.close()


def test_a_reader_reads_everything_and_an_edit_says_what_the_key_lacks(as_role):
    staff, reader = as_role("staff")["det"], as_role("reader")["det"]
    use = staff.publish(RECORD, run_uid="r1")
    before = staff.log()
    assert reader.partition(run="r1").partition.read().digest == use.partition.digest
    edit = reader.edit()
    with pytest.raises(NotPermitted, match="lacks the scopes create:node, write:metadata"):
        edit.circle(row=3, column=3, radius=2)
    with pytest.raises(NotPermitted, match="key of an editor"):
        edit.apply(FileMask.from_array(np.ones(RECORD.shape, bool), source="x"))
    with pytest.raises(NotPermitted):
        reader.publish(RECORD, run_uid="r2")
    assert staff.log() == before
    assert len(staff["blobs"]) == 0


def test_an_editor_edits_masks_and_publishes_but_leaves_blemish_and_recipes_to_staff(as_role):
    editor = as_role("editor")["det"]
    editor.edit().circle(row=3, column=3, radius=2)
    assert editor.log()[-1].principal == "facility:ada"
    assert editor.publish(RECORD, run_uid="r1").partition.read()
    before = editor.log()
    with pytest.raises(NotPermitted, match="'blemish' entry is made by staff"):
        editor.edit(layer="blemish").circle(row=3, column=3, radius=2)
    with pytest.raises(NotPermitted, match="'recipe set' entry is made by staff"):
        editor.set_recipe(PartitionRecipe(dynamic=(2, 1), static=(4, 2)))
    assert editor.log() == before


def test_staff_edits_the_blemish(as_role):
    staff = as_role("staff")["det"]
    staff.edit(layer="blemish").circle(row=3, column=3, radius=2)
    assert staff.log()[-1].kind == "blemish"


FORGERIES = {
    "without a spec": {"specs": []},
    "of another version": {"specs": [Spec("XPCSCommit", version="7")]},
    "not sealed": {"sealed": False},
    "of staff": {"kind": "blemish"},
    "of somebody else": {"principal": "facility:admin"},
    "no entry": {"unheard": 1},
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_the_server_itself_refuses_an_entry_that_an_editor_may_not_make(as_role, change):
    editor = as_role("editor")["det"]
    head = editor.head()
    entry = {**vars(LogEntry(seq=head + 1, time=time.time(), kind="mask"))}
    specs = change.get("specs", [Spec("XPCSCommit", version="1")])
    entry |= {key: value for key, value in change.items() if key != "specs"}
    with pytest.raises(Exception, match=r"40[03]"):
        editor["log"].create_container(f"{head + 1:08d}", metadata=entry, specs=specs)
    assert editor.head() == head


def test_an_editor_cannot_make_a_detector_of_a_container_with_a_forged_log(as_role):
    catalog = as_role("editor")
    forged = catalog.client[catalog.path].create_container("forged")
    entry = vars(LogEntry(seq=1, time=1.0, kind="blemish"))
    forged.create_container("log").create_container("00000001", metadata=entry)
    with pytest.raises(Exception, match="changed by staff only"):
        forged.update_metadata({"shape": [60, 80]}, specs=[Spec("XPCSDetector", version="9")])


def test_an_editor_cannot_change_what_a_detector_is_made_of(as_role):
    detector = as_role("editor")["det"]
    for node in (detector, detector["log"], detector["blobs"]):
        with pytest.raises(Exception, match="changed by staff only"):
            node.update_metadata({"shape": [1, 1]})


def test_a_user_cannot_make_a_key_of_staff(users):
    answer = session(users, "ben").post(
        "/api/v1/auth/apikey", json={"scopes": [*sorted(EDITOR), "metrics"], "expires_in": 60}
    )
    assert answer.status_code == 403


def test_a_key_limited_to_access_tags_reaches_no_node_without_them(users, as_role):
    as_role("staff")
    key = own_key(session(users, "ada"), EDITOR, access_tags=["user:ada"])
    with client(users.uris[0], key) as http:
        assert http.get("/api/v1/metadata/").status_code == 200
        assert http.get("/api/v1/search/").json()["data"] == []
        assert http.post("/api/v1/metadata/", json={"structure_family": "container"}).status_code in (
            403,
            422,
        )
        assert http.get("/zarr/v2/.zattrs").status_code == 403


@pytest.mark.parametrize("key", [None, "00" * 36, "not-hexadecimal"])
def test_a_wrong_key_or_none_is_said_when_the_catalogue_is_opened(users, key, monkeypatch):
    monkeypatch.delenv("TILED_API_KEY", raising=False)
    with pytest.raises(PermissionError, match="pass the right api_key="):
        MaskCatalog.open(users.uris[0], api_key=key)


@contextlib.contextmanager
def rights_withdrawn(users):
    """Take their role from all people and services of a facility, and give it back."""
    with contextlib.closing(sqlite3.connect(users.users)) as database:
        with database:
            held = database.execute("SELECT * FROM principal_role_association").fetchall()
            database.execute("DELETE FROM principal_role_association")
        assert held
        try:
            yield
        finally:
            marks = ",".join("?" * len(held[0]))
            with database:
                database.executemany(f"INSERT INTO principal_role_association VALUES ({marks})", held)


def test_a_callback_whose_key_lost_its_rights_waits_and_delivers_when_it_has_them_again(
    users, as_role, tmp_path
):
    from bluesky import RunEngine
    from bluesky.plans import count

    from xpcs_mask_bluesky.simulation.devices import SHAPE, SimulatedBeamline

    beamline = SimulatedBeamline(tmp_path / "frames")
    name = beamline.detector.name
    staff = as_role("staff")
    staff.create_detector(name, shape=SHAPE).set_recipe(RECIPE)
    callback = PartitionCallback(as_role("editor"), spool=tmp_path / "spool")
    callback.watch(name, source=GeometrySource.preset("xpcs-sim", detector=name), recipe=RECIPE)
    with rights_withdrawn(users):
        engine = RunEngine({})
        engine.subscribe(callback)
        (uid,) = engine(count([beamline.detector]))
        assert not callback.flush(4)
        status = callback.status()
        assert status["waiting"] == 1
        assert "scopes" in status["last_error"] or "key" in status["last_error"]
    assert callback.flush(30), callback.status()
    assert callback.close(10)
    assert staff[name].partition(run=uid).partition.read()
