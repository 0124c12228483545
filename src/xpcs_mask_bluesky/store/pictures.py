"""What a detector's pictures and reports are made of: a partition, an image of its run, its words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tiled.queries import Eq

from xpcs_mask_bluesky.digests import mask_digest
from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.store.images import frames_of_last_run, frames_of_run
from xpcs_mask_bluesky.store.uses import GEOMETRY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.picture_client import PictureClient
    from xpcs_mask_bluesky.store.uses import PartitionUse

MOST_FRAMES = 32
"""Of a run, whose mean is shown."""


def show(
    detector: PictureClient, *, run: str | None, name: str, event: int | None, image: np.ndarray | None
) -> Figure:
    """Return the mask over an image, with rings and labels as far as a geometry and a partition are known.

    Without a run it is the mask in force, over the labels that were published last.

    Raises:
        LookupError: the run is not known.
        AmbiguousPartition: the run has several partitions.
        ValueError: the image has another shape.
    """
    from xpcs_mask_bluesky.plots.figures import detector_figure

    use = _use(detector, run, name, event)
    shown, words = _image(detector, run, image)
    if use is None:
        mask, blemish = np.asarray(detector.mask()), np.asarray(detector.blemish())
        return detector_figure(mask, blemish, image=shown, image_words=words, title=detector.name)
    part = use.partition.read()
    mask, title = part.mask, f"{detector.name}, run {use.run_uid[:8]}"
    if run is None:
        mask, title = np.asarray(detector.mask(geometry=part.record)), detector.name
        if use.mask_revision != detector.state.latest().mask_revision:
            title += f"; the labels are those of mask revision {use.mask_revision}"
    return detector_figure(
        mask, part.blemish, record=part.record, part=part, image=shown, image_words=words, title=title
    )


def report(detector: PictureClient, path: str | Path, *, use: PartitionUse, image: np.ndarray | None) -> Path:
    """Write a partition's page for the logbook, and return its path.

    Raises:
        ValueError: the path ends neither in .png nor in .pdf, or the image has another shape.
    """
    from xpcs_mask_bluesky.plots.report import Report, write_report

    part = use.partition.read()
    shown, words = _image(detector, use.run_uid, image)
    content = Report(
        title=f"{detector.name}, run {use.run_uid[:8]}",
        part=part,
        facts=facts_of(use),
        image=shown,
        image_words=words,
        provenance=provenance_of(detector, use, part.record),
        history=tuple(repr(detector.history("mask", revision=use.mask_revision)).splitlines()),
        digests=(("geometry", part.record.digest), ("mask", mask_digest(part.mask))),
    )
    return write_report(content, path)


def facts_of(use: PartitionUse) -> tuple[tuple[str, str], ...]:
    """Return in words which part of which run a partition is for."""
    last = "the end" if use.last_seq_num is None else str(use.last_seq_num)
    measured = (
        f"{datetime.fromtimestamp(use.time, UTC):%Y-%m-%d %H:%M:%S} UTC" if use.time else "not recorded"
    )
    return (
        ("run", use.run_uid),
        ("measured", measured),
        ("events", f"{use.stream}, {use.first_seq_num} to {last}"),
        ("mask", f"revision {use.mask_revision}; recipe {use.name!r}"),
    )


def provenance_of(detector: DetectorNode, use: PartitionUse, record: GeometryRecord) -> Mapping[str, Any]:
    """Return where each field of a geometry comes from, as the log says; empty where it does not."""
    entry = detector.commits.last(Eq("seq", use.revision))
    if entry is None:
        return {}
    if entry.kind != GEOMETRY:
        return entry.body.get("provenance", {})
    for note in entry.body["notes"]:
        if GeometryRecord.model_validate(note["record"]).digest == record.digest:
            return note["provenance"]
    return {}


def _use(detector: PictureClient, run: str | None, name: str, event: int | None) -> PartitionUse | None:
    try:
        return detector.partition(run=run, name=name, event=event)
    except LookupError:
        if run is not None:
            raise
        return None


def _image(
    detector: DetectorNode, run: str | None, given: np.ndarray | None
) -> tuple[np.ndarray | None, str]:
    """Return an image ``(rows, columns)``, and what it shows; None if no frames are recorded."""
    if given is not None:
        image = np.asarray(given)
        detector.check_shape(image.shape, "image")
        return image, "intensity of the given image"
    try:
        frames = frames_of_last_run(detector) if run is None else frames_of_run(detector, run)
    except LookupError:
        return None, ""
    node = frames.node
    along = int(np.argmax(node.shape[:-2]))
    first = [0] * (len(node.shape) - 2)
    index = (*first[:along], slice(0, MOST_FRAMES), *first[along + 1 :])
    read = np.asarray(node[index])
    return read.mean(axis=0), f"counts per frame, mean of {len(read)} frames of run {frames.run[:8]}"
