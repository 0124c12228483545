"""Mutated documents: not one exception reaches the RunEngine, and the memory stays bounded."""

from __future__ import annotations

import copy
import logging
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.system.faults.log_checks import Reader, places_in_log
from tests.system.faults.mutate import mutated
from tests.system.faults.run import FULL, engine, scan, watching
from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.callbacks import outbox, worker

DOCUMENTS = 100_000 if FULL else 10_000
RUNS = 14_300 if FULL else 150
"""Of seven documents each, that Hypothesis makes."""
MEGABYTES = 150
"""That the process may grow by while it takes them."""


def megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.fixture(scope="module")
def documents():
    kept = []
    engine(lambda name, doc: kept.append((name, copy.deepcopy(doc))))(scan([4000.0, 4100.0, 4200.0, 4300.0]))
    return kept


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(logging.getLogger("xpcs_mask_bluesky"), "disabled", True)


@pytest.mark.timeout(300 + DOCUMENTS / 50)
@pytest.mark.usefixtures("quiet")
def test_no_mutated_document_raises_or_stays_in_memory(documents, tmp_path, capsys):
    callback = watching(MaskCatalog.open("http://127.0.0.1:9"), tmp_path / "spool")
    for name, doc in mutated(documents, DOCUMENTS // 10, random.Random(1)):
        callback(name, doc)
    before = megabytes()
    for name, doc in mutated(documents, DOCUMENTS, random.Random(2)):
        callback(name, doc)
    grown = megabytes() - before
    status = callback.status()
    with capsys.disabled():
        print({"documents": DOCUMENTS, "MB": round(grown, 1)} | status)
    assert status["received"] > DOCUMENTS / 50
    assert status["restarts"] == 0
    assert status["alive"]
    assert status["lost"] < 0.02 * status["received"]  # what no text can tell
    assert grown < MEGABYTES
    callback.close(0)


@pytest.fixture(scope="module")
def taking(tmp_path_factory):
    """A callback that takes documents while the catalogue is away."""
    directory = tmp_path_factory.mktemp("hypothesis")
    callback = watching(MaskCatalog.open("http://127.0.0.1:9"), directory / "spool")
    yield callback
    callback.close(0)


@pytest.mark.timeout(300 + DOCUMENTS / 50)
@settings(max_examples=RUNS, suppress_health_check=list(HealthCheck))
@given(chance=st.randoms(use_true_random=False))
def test_no_run_raises_whose_faults_hypothesis_chooses(documents, taking, chance):
    for name, doc in mutated(documents, len(documents), chance):
        taking(name, doc)
    assert taking._worker.counts["restarts"] == 0


@pytest.mark.usefixtures("quiet")
def test_after_mutated_documents_a_run_has_its_partition(documents, catalog, tmp_path):
    callback = watching(catalog, tmp_path / "spool")
    for name, doc in mutated(documents, 200, random.Random(3)):
        callback(name, doc)
    (uid,) = engine(callback)(scan([4000.0, 4100.0]))
    assert callback.flush(100), callback.status()
    told = places_in_log(Reader(catalog).verify())
    assert sorted(number for run, _, number, _ in told if run == uid) == [1, 2]
    assert callback.status()["restarts"] == 0
    callback.close()


@pytest.mark.usefixtures("quiet")
def test_what_neither_disk_nor_catalogue_takes_is_bounded_and_counted(documents, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_IN_MEMORY", 200)
    monkeypatch.setattr(worker, "BATCH", 100)
    (tmp_path / "spool").write_text("a file where the directory should be")
    callback = watching(MaskCatalog.open("http://127.0.0.1:9"), tmp_path / "spool")
    engine(callback)(scan(4000.0 + number for number in range(800)))
    status = callback.status()
    assert status["lost"] > 0
    assert status["waiting"] <= 200 + 100
    assert status["waiting"] + status["lost"] == 800
    assert "cannot be written" in status["last_error"] or status["catalog_away"]
    callback.close(0)
