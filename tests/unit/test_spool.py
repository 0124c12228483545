"""The outbox: ordered, durable, nothing twice."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from xpcs_mask_bluesky.callbacks import spool as spool_module
from xpcs_mask_bluesky.callbacks.jobs import Job
from xpcs_mask_bluesky.callbacks.spool import Spool


def job(number: int, **changes) -> Job:
    content = {
        "kind": "geometry",
        "detector": "det",
        "name": "default",
        "run_uid": f"run-{number}",
        "stream": "primary",
        "seq_num": number,
        "time": 1.0,
        "received": 2.0,
        "record": {"distance": 5.0},
        "changed": ("distance",),
    }
    return Job(**(content | changes))


def waiting(spool: Spool) -> list[Job]:
    return [each for _, each in spool.pending(100)]


def test_jobs_come_out_in_order_and_once(tmp_path):
    spool = Spool(tmp_path)
    spool.add([job(2), job(1), job(2)])
    assert waiting(spool) == [job(2), job(1)]
    spool.remove([number for number, _ in spool.pending(1)])
    assert waiting(spool) == [job(1)]
    spool.close()


def test_what_was_left_is_taken_over_by_the_next_process(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tests.unit.test_spool import job;"
        "from xpcs_mask_bluesky.callbacks.spool import Spool;"
        "Spool(Path(sys.argv[1])).add([job(1), job(2)]); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == 9
    spool = Spool(tmp_path)
    spool.adopt()
    assert waiting(spool) == [job(1), job(2)]
    spool.close()


def test_a_living_process_keeps_its_own(tmp_path):
    first, second = Spool(tmp_path), Spool(tmp_path)
    first.add([job(1)])
    third = Spool(tmp_path)
    third.adopt()
    assert waiting(second) == waiting(third) == []
    assert waiting(first) == [job(1)]
    for spool in (first, second, third):
        spool.close()


def test_a_parked_job_waits_for_the_next_start(tmp_path):
    spool = Spool(tmp_path)
    spool.add([job(1)])
    spool.park(spool.pending(1)[0][0], "why")
    assert spool.depth() == (0, 1)
    spool.close()
    again = Spool(tmp_path)
    again.adopt()
    assert waiting(again) == [job(1)]
    again.close()


def test_an_empty_spool_leaves_no_file(tmp_path):
    Spool(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_files_of_dead_processes_come_in_the_order_in_which_they_were_begun(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tests.unit.test_spool import job;"
        "from xpcs_mask_bluesky.callbacks.spool import Spool;"
        "Spool(Path(sys.argv[1])).add([job(int(sys.argv[2]))]); os._exit(9)"
    )
    for number in range(6):
        subprocess.run([sys.executable, "-c", code, str(tmp_path), str(number)], check=False)
    spool = Spool(tmp_path)
    spool.adopt()
    assert waiting(spool) == [job(number) for number in range(6)]
    spool.close()


def test_a_damaged_file_is_set_aside_and_holds_up_nothing(tmp_path, caplog):
    (tmp_path / "00000001-a.sqlite").write_bytes(b"no SQLite at all " * 100)
    with closing(sqlite3.connect(tmp_path / "00000002-b.sqlite")) as other:
        other.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, key TEXT, content TEXT, parked TEXT)")
        other.execute("INSERT INTO jobs (key, content) VALUES ('k', '{\"colour\": \"red\"}')")
        other.commit()
    spool = Spool(tmp_path)
    spool.adopt()
    spool.add([job(1)])
    assert waiting(spool) == [job(1)]
    assert len(list(tmp_path.glob("*.damaged"))) == 2
    assert caplog.text.count("is damaged, or of another version") == 2
    spool.close()


def test_what_a_process_leaves_that_dies_later_is_taken_over_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(spool_module, "SECONDS_BETWEEN_LOOKS", 0.0)
    code = (
        "import os, sys; from pathlib import Path; from tests.unit.test_spool import job;"
        "from xpcs_mask_bluesky.callbacks.spool import Spool;"
        "spool = Spool(Path(sys.argv[1])); spool.add([job(1)]); print(flush=True);"
        "sys.stdin.read(); os._exit(9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        spool = Spool(tmp_path)
        spool.adopt()
        assert waiting(spool) == []
        other.communicate()
        spool.adopt()
    assert waiting(spool) == [job(1)]
    spool.remove([number for number, _ in spool.pending(1)])
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_process_left_that_died_while_it_deleted_its_file_is_cleared_away(tmp_path):
    for name in ("1.sqlite.lock", "2.sqlite.lock", "2.sqlite-wal", "2.sqlite-shm"):
        (tmp_path / name).touch()
    other = Spool(tmp_path)
    other.path.unlink()
    spool = Spool(tmp_path)
    spool.adopt()
    assert sorted(tmp_path.glob("*.lock")) == sorted(Path(f"{each.path}.lock") for each in (other, spool))
    assert not list(tmp_path.glob("2.*"))
    spool.close()
