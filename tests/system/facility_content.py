"""One of everything in a facility's catalogue, and what a reader that knows only the address must find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.system.serving_checks import SHAPE, geometry
from xpcs_mask_bluesky import MaskCatalog, PartitionRecipe
from xpcs_mask_bluesky.store.fsck import check_detector
from xpcs_mask_bluesky.store.state import fold

GOOD = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 97 > 0


@dataclass(frozen=True)
class Content:
    """What was put in."""

    entries: list[Any]
    digests: dict[str, str]
    """Of the partition of each run."""
    mask: np.ndarray


def fill(uri: str, key: str) -> Content:
    """Blemish, recipe, edits, a snapshot and the partitions of two runs, one with its own array."""
    with MaskCatalog.open(uri, api_key=key) as catalog:
        detector = catalog.create_detector("det", shape=SHAPE, blemish=GOOD)
        detector.set_recipe(PartitionRecipe(dynamic=(4, 2), static=(16, 4)))
        with detector.edit("me") as edit:
            edit.circle(row=22, column=31, radius=4)
            edit.undo()
            edit.redo()
        digests = {"r1": detector.publish(geometry(), run_uid="r1").digest}
        detector.edit("Ada").rectangle(row=40, column=50, height=6, width=8)
        digests["r2"] = detector.publish(geometry(5.1), run_uid="r2").digest
        detector.snapshot(reason="kept")
        return Content(detector.log(), digests, np.asarray(detector.mask()))


def check_all_is_there(uri: str, key: str, content: Content) -> None:
    """Replay the log, and read and verify all that it names, through a server."""
    with MaskCatalog.open(uri, api_key=key) as catalog:
        detector = catalog["det"]
        assert detector.log() == content.entries
        assert fold(detector.log()).seq == len(content.entries)
        for run, digest in content.digests.items():
            part = detector.partition(run=run).partition.read()  # its digest is computed anew
            assert part.digest == digest
        np.testing.assert_array_equal(np.asarray(detector.mask()), content.mask)
        np.testing.assert_array_equal(np.asarray(detector.blemish()), GOOD)
        assert [finding.describe() for finding in check_detector(detector) if finding.damage] == []
