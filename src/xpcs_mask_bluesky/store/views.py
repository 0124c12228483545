"""The masks of a detector, now and then."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tiled.queries import In

from xpcs_mask_bluesky.geometry import GeometryRecord
from xpcs_mask_bluesky.masks import Mask, operation_from_json
from xpcs_mask_bluesky.store import lookup
from xpcs_mask_bluesky.store.publish import masks
from xpcs_mask_bluesky.store.state import RawHistory, State
from xpcs_mask_bluesky.store.uses import GEOMETRY, RUN_USE

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

Point = int | datetime | str
"""A revision, a time with its zone, or the uid of a run."""


def state_at(detector: DetectorNode, *, at: datetime | None = None, revision: int | None = None) -> State:
    """Return what the log said at a time or a revision; now without either."""
    if at is None and revision is None:
        return detector.state.latest()
    time = None if at is None else lookup.timestamp(at)
    return detector.state.as_of(revision=revision, time=time)


def state_of(detector: DetectorNode, point: Point) -> State:
    """Return what the log said at a revision, at a time, or when the partition of a run was made.

    Raises:
        LookupError: the run, or the revision, is not known.
        AmbiguousPartition: the run had several masks.
    """
    if isinstance(point, datetime):
        return state_at(detector, at=point)
    if isinstance(point, int):
        return state_at(detector, revision=point)
    uses = lookup.uses_of_run(detector, point, None, None)
    if len({use.mask_revision for use in uses}) == 1:
        uses = uses[:1]
    use = lookup.choose(uses, run_uid=point, event=None, at=None, stream="primary")
    return detector.state.as_of(revision=use.mask_revision)


def mask_in(detector: DetectorNode, state: State, geometry: GeometryRecord | None) -> Mask:
    """Return the mask of a state, in this geometry or, where it depends on one, the newest known.

    Raises:
        LookupError: it depends on a geometry, and none is known.
    """
    if not depends_on_geometry(state):
        return masks(detector, state, None)[0]
    record = geometry or newest_geometry(detector)
    if record is None:
        return masks(detector, state, None)[0]  # says what is missing
    from xpcs_mask_bluesky.qmap import q_map

    return masks(detector, state, q_map(record))[0]


def blemish_in(detector: DetectorNode, state: State) -> Mask:
    """Return the detector's own mask in a state."""
    state.layers["mask"] = RawHistory()
    return mask_in(detector, state, None)


def mask_of_run(detector: DetectorNode, run_uid: str, revision: int | None) -> Mask:
    """Return the mask that the partition of a run was made with.

    Raises:
        LookupError: the run is not known.
        AmbiguousPartition: it has several.
    """
    uses = lookup.uses_of_run(detector, run_uid, None, revision)
    if len({use.mask_revision for use in uses}) == 1 and not any(
        depends_on_geometry(detector.state.as_of(revision=use.mask_revision)) for use in uses[:1]
    ):
        uses = uses[:1]
    use = lookup.choose(uses, run_uid=run_uid, event=None, at=None, stream="primary")
    state = detector.state.as_of(revision=use.mask_revision)
    return mask_in(detector, state, use.partition.record if depends_on_geometry(state) else None)


def newest_geometry(detector: DetectorNode) -> GeometryRecord | None:
    """Return the newest geometry that the log knows."""
    entry = detector.commits.last(In("kind", [GEOMETRY, RUN_USE]))
    if entry is None:
        return None
    content = entry.body["notes"][-1] if entry.kind == GEOMETRY else entry.body
    return GeometryRecord.model_validate(content["record"])


def depends_on_geometry(state: State) -> bool:
    """Return whether an operation in force needs a Q-map."""
    return any(
        operation_from_json(dict(each)).needs_qmap
        for history in state.layers.values()
        for each in history.operations
    )
