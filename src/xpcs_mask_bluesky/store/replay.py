"""A mask of one run, made anew for another: what depends on geometry or image is evaluated again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Mask, OfImage, Operation, evaluate, operation_from_json
from xpcs_mask_bluesky.store import lookup
from xpcs_mask_bluesky.store.admission import referring
from xpcs_mask_bluesky.store.images import Frames, FrameSource, Statistic, frames_of_run

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.state import State


@dataclass(frozen=True)
class Replayed:
    """A history as it would be in another run."""

    mask: Mask
    """It counts no pixel that the detector's blemish rejects."""
    history: History[Operation]
    """With the images of the other run recorded; nothing of it is in the log."""
    geometry: GeometryRecord | None
    """Of the other run; None if nothing depends on it."""


def replay(
    detector: DetectorNode,
    state: State,
    history: History[Operation] | None,
    *,
    on: str,
    event: int | None = None,
    image: np.ndarray | None = None,
) -> Replayed:
    """Return a history evaluated with the geometry and the frames of the run ``on``.

    Args:
        detector: Whose masks they are.
        state: Tells the blemish, and the history if none is given.
        history: By default that of the mask.
        on: Uid of the run.
        event: Of its geometries, if it had several.
        image: In place of the run's frames, ``(rows, columns)``.

    Raises:
        LookupError: the geometry or the frames that an operation needs are not known of that run.
        AmbiguousPartition: the run had several geometries.
        ValueError: an operation was taken from an image that no run has.
    """
    images = _Images(detector, on, image)
    blemish = [operation_from_json(dict(each)) for each in state.layers["blemish"].operations]
    told = state.layers["mask"].map(operation_from_json) if history is None else history
    used = set(map(id, told.operations))
    anew = told.map(lambda each: images.renewed(each) if id(each) in used else each)
    geometry = None
    if any(each.needs_qmap for each in (*blemish, *anew.operations)):
        geometry = _geometry(detector, on, event)
    good = _evaluated(detector, blemish, geometry, images.get)
    mask = _evaluated(detector, anew, geometry, images.get)
    return Replayed(Mask(mask & good), anew, geometry)


class _Images:
    """The images of the other run, made once each."""

    def __init__(self, detector: DetectorNode, run_uid: str, given: np.ndarray | None) -> None:
        self._detector, self._run_uid = detector, run_uid
        self._given = None if given is None else FrameSource(np.asarray(given))
        self._frames: Frames | None = None
        self._made: dict[Statistic, FrameSource] = {}
        self._arrays: dict[str, np.ndarray] = {}

    def renewed(self, operation: Operation) -> Operation:
        """Return the operation on the image of the other run that was made as its own one was."""
        if not isinstance(operation, OfImage):
            return operation
        source = self._given or self._made_as(operation)
        anew = referring(self._detector, operation, source)
        self._arrays |= dict.fromkeys(anew.needs_arrays, source.image)
        return anew

    def get(self, digest: str) -> np.ndarray:
        """Resolve a digest, for ``evaluate``."""
        return self._arrays[digest] if digest in self._arrays else self._detector.blobs.get(digest)

    def _made_as(self, operation: OfImage) -> FrameSource:
        told = "mean of" if operation.image is None else operation.image.frames
        for statistic in ("mean", "maximum"):
            if told.startswith(f"{statistic} of"):
                return self._image(statistic)
        raise ValueError(
            f"{operation.describe()}: its image was given by hand, so no run says how to make another; "
            "pass image="
        )

    def _image(self, statistic: Statistic) -> FrameSource:
        self._frames = self._frames or frames_of_run(self._detector, self._run_uid)
        if statistic not in self._made:
            self._made[statistic] = self._frames.image(statistic)
        return self._made[statistic]


def _geometry(detector: DetectorNode, run_uid: str, event: int | None) -> GeometryRecord:
    uses = lookup.uses_of_run(detector, run_uid, None, None)
    return lookup.choose(uses, run_uid=run_uid, event=event, at=None, stream="primary").partition.record


def _evaluated(
    detector: DetectorNode,
    operations: History[Operation] | list[Operation],
    geometry: GeometryRecord | None,
    arrays: Callable[[str], np.ndarray],
) -> np.ndarray:
    qmap = None
    if geometry is not None:
        from xpcs_mask_bluesky.qmap import q_map

        qmap = q_map(geometry)
    return np.asarray(evaluate(operations, shape=detector.shape, qmap=qmap, arrays=arrays))
