# ruff: noqa: F811  fixtures of the other files
"""Partitions as files, and their names in a string PV of a real IOC."""

from __future__ import annotations

import time

import pytest
from bluesky import plans as bp
from ophyd import EpicsSignal, Signal

from tests.system.epics_ioc import ioc  # noqa: F401
from tests.system.serving_checks import geometry
from tests.system.test_callback import beamline, engine, watching  # noqa: F401
from xpcs_mask_bluesky import PartitionRecipe, PartitionUse, partition, q_map, read_qmap
from xpcs_mask_bluesky.callbacks.handover import LONGEST_NAME, HandOver, export, file_name
from xpcs_mask_bluesky.callbacks.publisher import Publication
from xpcs_mask_bluesky.store.partitions import PartitionHandle


@pytest.fixture
def part():
    record = geometry()
    return partition(q_map(record), q_map(record)["q"] > 0, PartitionRecipe(dynamic=(4, 1), static=(8, 2)))


def test_each_partition_is_a_file_whose_name_is_in_the_pv(catalog, tmp_path, engine, beamline, ioc):
    name = EpicsSignal(f"{ioc.prefix}qmap:File", name="qmap_file", string=True)
    name.wait_for_connection(timeout=5)
    in_pv, published = [], []

    def told(publication):
        published.append(publication)
        in_pv.append(name.get(use_monitor=False))

    files = tmp_path / "files"
    callback = watching(catalog, tmp_path, export_to=files, export_name_to=name, on_published=told)
    engine.subscribe(callback)
    uids = []
    for length in (5000.0, 4500.0, 5000.0):
        beamline.flight_path.length.put(length)
        uids += engine(bp.count([beamline.detector, beamline.mono]))
        assert callback.flush(30), callback.status()
    assert callback.close()
    assert [each.job.run_uid for each in published] == uids
    assert in_pv == [each.file.name for each in published]
    assert in_pv[0] == in_pv[2] != in_pv[1]
    assert sorted(path.name for path in files.iterdir()) == sorted(set(in_pv))  # and no draft
    for each in published:
        assert len(each.file.name) <= LONGEST_NAME
        assert read_qmap(each.file).digest == catalog["eiger4M"].partition(run=each.job.run_uid).digest


def test_a_dead_ioc_holds_up_neither_the_run_nor_the_partition(catalog, tmp_path, engine, beamline, ioc):
    name = EpicsSignal(f"{ioc.prefix}qmap:File", name="qmap_file", string=True)
    name.wait_for_connection(timeout=5)
    ioc.kill()
    callback = watching(catalog, tmp_path, export_to=tmp_path / "files", export_name_to=name)
    engine.subscribe(callback)
    began = time.monotonic()
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    in_run = time.monotonic() - began
    assert callback.flush(40), callback.status()
    assert in_run < 20
    assert "did not take the file name" in callback.status()["last_error"]
    assert catalog["eiger4M"].partition(run=uid).partition.read()
    assert len(list((tmp_path / "files").iterdir())) == 1
    assert callback.close()


def test_a_directory_that_cannot_be_written_is_said_and_the_partition_is_published(
    catalog, tmp_path, engine, beamline
):
    (tmp_path / "files").write_text("a file, where a directory should be")
    named = []
    callback = watching(catalog, tmp_path, export_to=tmp_path / "files", export_name_to=named.append)
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    assert "was published, but not written to" in callback.status()["last_error"]
    assert catalog["eiger4M"].partition(run=uid).partition.read()
    assert named == []
    assert callback.close()


def test_a_function_of_one_watch_is_not_told_of_another(catalog, tmp_path, engine, beamline):
    mine, others = [], []
    callback = watching(catalog, tmp_path, on_published=mine.append)
    callback.watch(
        "eiger4M",
        source=callback._watched["eiger4M", "default"].source,
        recipe=PartitionRecipe(dynamic=(3, 1), static=(6, 1)),
        name="peak",
        on_published=others.append,
    )
    engine.subscribe(callback)
    (uid,) = engine(bp.count([beamline.detector, beamline.mono]))
    assert callback.flush(30), callback.status()
    for told, name in ((mine, "default"), (others, "peak")):
        assert [each.use.name for each in told if each.job.run_uid == uid] == [name]
        assert {each.use.name for each in told} == {name}
    assert mine[0].file is None
    assert callback.close()


def test_another_content_is_never_overwritten(tmp_path, part):
    path = tmp_path / file_name("eiger4M", part.digest)
    path.write_bytes(b"of somebody else")
    with pytest.raises(FileExistsError, match="left as it is"):
        export(part, path)
    assert path.read_bytes() == b"of somebody else"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_content_is_left_alone(tmp_path, part):
    path = tmp_path / file_name("eiger4M", part.digest)
    export(part, path)
    first = path.stat()
    export(part, path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_a_file_system_without_links_gets_the_file_too(tmp_path, part, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    path = tmp_path / "q.hdf"
    export(part, path)
    assert read_qmap(path).digest == part.digest
    path.write_bytes(b"of somebody else")
    with pytest.raises(FileExistsError):
        export(part, path)


@pytest.mark.parametrize("detector", ["e", "eiger4M", "a-detector-with-a-name-that-is-much-too-long"])
def test_a_name_fits_a_string_pv_and_tells_partitions_apart(detector):
    names = {file_name(detector, digest * 32) for digest in ("a1", "b2")}
    assert len(names) == 2
    assert all(len(name) <= 39 and name.startswith(detector[:18]) for name in names)


def test_what_can_take_no_name_is_refused_at_once(catalog, tmp_path):
    with pytest.raises(ValueError, match=r"expected a signal with set\(\)"):
        watching(catalog, tmp_path, export_to=tmp_path, export_name_to="PV:NAME")
    with pytest.raises(ValueError, match="export_to="):
        watching(catalog, tmp_path, export_name_to=Signal(name="s"))


def test_a_publication_that_says_nothing_new_is_handed_over_once(part):
    told = []
    hand_over = HandOver(directory=None, name_to=None, function=told.append, say=pytest.fail)
    handle = PartitionHandle(lambda: part)
    for revision in (4, 4, 7):
        use = PartitionUse(handle, "primary", 1, None, 0.0, revision=revision)
        hand_over(Publication(use, job=None, seconds=0.1))
    assert [each.use.revision for each in told] == [4, 7]
