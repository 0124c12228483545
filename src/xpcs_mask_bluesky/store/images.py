"""The image that a threshold is taken from: by default the mean of the detector's last run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

RUNS_LOOKED_AT = 20
BYTES_AT_ONCE = 64_000_000


@dataclass(frozen=True)
class FrameSource:
    """An image ``(rows, columns)`` and where it comes from."""

    image: np.ndarray
    run: str = ""
    stream: str = ""
    frames: str = ""


def mean_of_last_run(detector: DetectorNode) -> FrameSource:
    """Return the mean of all frames of the newest recorded run that has frames of ``detector``.

    Raises:
        LookupError: none of the last runs has any.
    """
    try:
        runs = detector.root[detector.metadata["raw"]].values()[-1 : -RUNS_LOOKED_AT - 1 : -1]
    except KeyError:
        runs = []
    for run in runs:
        for stream, frames in _frames(run, detector):
            image = _mean(frames, detector.shape)
            count = int(np.prod(frames.shape[:-2]))
            uid = run.metadata["start"]["uid"]
            return FrameSource(image, run=uid, stream=stream, frames=f"mean of 0:{count}")
    raise LookupError(
        f"a threshold needs an image, and none of the last {RUNS_LOOKED_AT} runs in "
        f"/{detector.metadata['raw']} has frames of {detector.name!r}; pass image="
    )


def _frames(run: Any, detector: DetectorNode) -> Iterator[tuple[str, Any]]:
    for stream in run:
        keys = run[stream].metadata.get("data_keys", {})
        for key, described in keys.items():
            ours = key == detector.name or key.startswith((f"{detector.name}_", f"{detector.name}-"))
            if ours and tuple(described.get("shape", ())[-2:]) == detector.shape:
                frames = run[stream][key]
                if frames.shape[0] > 0:
                    yield stream, frames


def _mean(frames: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return the mean over all but the last two dimensions, as float32, a piece at a time."""
    total = np.zeros(shape)
    step = max(1, BYTES_AT_ONCE // max(1, int(np.prod(frames.shape[1:])) * frames.dtype.itemsize))
    for first in range(0, frames.shape[0], step):
        piece = np.asarray(frames[first : first + step])
        total += piece.reshape(-1, *shape).sum(axis=0, dtype=float)
    return (total / np.prod(frames.shape[:-2])).astype(np.float32)
