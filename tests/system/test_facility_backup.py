"""A facility's catalogue comes back from pg_dump and a copy of its storage, taken while it was in use."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from tests.system.facility_content import Content, check_all_is_there, fill
from tests.system.services import Facility, facility, fresh_database, needs_programs
from tests.system.serving_checks import geometry
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.store.fsck import check_detector

pytestmark = pytest.mark.timeout(1200)


def dump(running: Facility, storage: Path, to: Path) -> None:
    """Copy a facility in use: first its database, then its storage."""
    subprocess.run(
        ["pg_dump", "--format=custom", f"--file={to / 'catalogue.dump'}", running.database], check=True
    )
    shutil.copytree(storage, to / "data")


def restore(backup: Path, database: str, storage: Path) -> None:
    """Put a copy in the place of what was lost: into an empty database, and at the same path."""
    subprocess.run(
        ["pg_restore", "--exit-on-error", f"--dbname={database}", str(backup / "catalogue.dump")], check=True
    )
    shutil.copytree(backup / "data", storage)


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """A facility that was dumped while somebody published, lost, and restored; and what it held before."""
    needs_programs("pg_dump", "pg_restore")
    directory, backup = tmp_path_factory.mktemp("facility"), tmp_path_factory.mktemp("backup")
    storage = directory / "data"
    with fresh_database() as old, fresh_database() as new:
        with facility(directory, replicas=1, database=old) as running:
            content = fill(running.uris[0], running.key)
            stop, published = threading.Event(), list[str]()
            writer = threading.Thread(target=publish_until, args=(running, stop, published))
            writer.start()
            try:
                wait_for(published, 2)
                dump(running, storage, backup)
                wait_for(published, len(published) + 1)
            finally:
                stop.set()
                writer.join(60)
        storage.rename(directory / "lost")
        restore(backup, new, storage)
        with facility(directory, replicas=1, database=new) as running:
            yield running, content, published, storage


def publish_until(running: Facility, stop: threading.Event, published: list[str]) -> None:
    with MaskCatalog.open(running.uris[0], api_key=running.key) as catalog:
        detector = catalog["det"]
        while not stop.is_set():
            uid = f"during-{len(published)}"
            detector.publish(geometry(5.2 + len(published) / 100), run_uid=uid)
            published.append(uid)


def wait_for(published: list[str], number: int) -> None:
    pause, seconds = threading.Event(), 60.0
    while len(published) < number:
        assert seconds > 0, "the writer does not publish"
        seconds -= 0.05
        pause.wait(0.05)


def test_what_was_there_before_the_dump_is_there_after_it(restored):
    running, content, _, _ = restored
    with MaskCatalog.open(running.uris[0], api_key=running.key) as catalog:
        entries = catalog["det"].log()
    assert entries[: len(content.entries)] == content.entries
    check_all_is_there(running.uris[0], running.key, Content(entries, content.digests, content.mask))


def test_a_run_published_during_the_dump_is_there_whole_or_not_at_all(restored):
    running, _, published, _ = restored
    with MaskCatalog.open(running.uris[0], api_key=running.key) as catalog:
        detector = catalog["det"]
        known = {entry.lineage.get("run_uid") for entry in detector.log("run use")}
        there = [uid for uid in published if uid in known]
        assert 2 <= len(there) < len(published)  # the dump fell between them
        assert there == published[: len(there)]
        for uid in there:
            assert detector.partition(run=uid).partition.read()


def test_the_restored_catalogue_goes_on(restored):
    running, _, _, _ = restored
    with MaskCatalog.open(running.uris[0], api_key=running.key) as catalog:
        detector = catalog["det"]
        head = detector.head()
        with detector.edit("after") as edit:
            edit.undo()
        use = detector.publish(geometry(6.0), run_uid="after")
        assert detector.head() > head
        assert detector.partition(run="after").partition.read().digest == use.digest


def test_an_array_that_the_copy_lacks_is_found(restored):
    running, content, _, storage = restored
    (lacking,) = storage.glob(f"**/{content.digests['r2']}")
    shutil.move(lacking, storage.parent / "taken")
    with MaskCatalog.open(running.uris[0], api_key=running.key) as catalog:
        findings = [each.where for each in check_detector(catalog["det"]) if each.damage]
    assert findings == [f"partitions/{content.digests['r2']}"]
