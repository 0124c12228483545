"""One edit of a 4M mask, kept over HTTP: 150 ms and 20 kB; undo and redo: 100 ms each.

pytest tests/benchmarks/test_edits.py --benchmark-enable

Beside them stand the two bare requests that an edit is made of, since a busy machine slows all alike.
"""

from __future__ import annotations

from itertools import count

import pytest

from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.store.layout import create

SHAPE = (2162, 2068)
EARLIER = 20
"""Operations that the mask has already."""
MOST_BYTES = 20_000
"""On disk, of an edit."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    with MaskCatalog.open(tmp_path_factory.mktemp("edits")) as catalog:
        yield catalog


@pytest.fixture(scope="module")
def eiger(catalog):
    eiger = catalog.create_detector("eiger4M", shape=SHAPE)
    for number in range(EARLIER):
        eiger.edit("me").circle(row=100 * number + 50, column=1000, radius=30)
    return eiger


def bytes_in(directory):
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_one_edit(benchmark, eiger, catalog):
    edit, numbers, before = eiger.edit("me", reason="benchmark"), count(), bytes_in(catalog.directory)
    first = eiger.head()

    def draw():
        edit.rectangle(row=50 + next(numbers), column=500, height=40, width=30, angle=30)

    benchmark.pedantic(draw, rounds=30, warmup_rounds=2)
    each = (bytes_in(catalog.directory) - before) / (eiger.head() - first)
    benchmark.extra_info["bytes on disk"] = each
    assert each <= MOST_BYTES


def test_undo_and_redo(benchmark, eiger):
    edit = eiger.edit("me")
    moves = [edit.undo, edit.redo]

    def move():
        moves[0]()
        moves.reverse()

    benchmark.pedantic(move, rounds=30, warmup_rounds=2)
    assert len(eiger.history().states) >= EARLIER


def test_the_two_bare_requests_of_an_edit(benchmark, eiger):
    numbers, container = count(), eiger["blobs"]

    def ask_and_create():
        eiger.commits.head()
        create(container, f"{next(numbers):064d}", metadata={"text": "x" * 700})

    benchmark.pedantic(ask_and_create, rounds=30, warmup_rounds=2)
