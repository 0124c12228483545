"""The image that a threshold is taken from: by default the mean of the detector's last run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xpcs_mask_bluesky.pixels import FrameStatistics

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

RUNS_LOOKED_AT = 20
BYTES_AT_ONCE = 64_000_000

Statistic = Literal["mean", "maximum"]


@dataclass(frozen=True)
class FrameSource:
    """An image ``(rows, columns)`` and where it comes from."""

    image: np.ndarray
    run: str = ""
    stream: str = ""
    frames: str = ""


@dataclass(frozen=True)
class Frames:
    """The frames of a detector in a run: ``(…, rows, columns)``, in Tiled."""

    run: str
    stream: str
    node: Any

    @property
    def number(self) -> int:
        """How many there are."""
        return int(np.prod(self.node.shape[:-2]))

    def image(self, statistic: Statistic) -> FrameSource:
        """Return mean (float32) or maximum of each pixel over all frames."""
        reduce = _mean if statistic == "mean" else _maximum
        words = f"{statistic} of 0:{self.number}"
        return FrameSource(reduce(self.node), run=self.run, stream=self.stream, frames=words)

    def statistics(self) -> FrameStatistics:
        """Return mean, variance and maximum of each pixel, in the memory of five images."""
        return FrameStatistics.of(self.node)


def frames_of_last_run(detector: DetectorNode) -> Frames:
    """Return the frames of the newest recorded run that has any of ``detector``.

    Raises:
        LookupError: none of the last runs has any.
    """
    try:
        runs = _runs(detector).values()[-1 : -RUNS_LOOKED_AT - 1 : -1]
    except KeyError:
        runs = []
    for frames in _frames(runs, detector):
        return frames
    raise LookupError(
        f"an image is needed, and none of the last {RUNS_LOOKED_AT} runs in "
        f"/{detector.metadata['raw']} has frames of {detector.name!r}; pass image="
    )


def frames_of_run(detector: DetectorNode, run_uid: str) -> Frames:
    """Return the frames of ``detector`` in a recorded run.

    Raises:
        LookupError: the run is not recorded, or has none.
    """
    try:
        run = _runs(detector)[run_uid]
    except (KeyError, ValueError) as error:  # or too short for a part of a uid
        raise LookupError(
            f"run {run_uid!r} is not recorded in /{detector.metadata['raw']}; pass image="
        ) from error
    for frames in _frames([run], detector):
        return frames
    raise LookupError(f"run {run_uid!r} has no frames of {detector.name!r}; pass image=")


def _runs(detector: DetectorNode) -> Any:
    return detector.root[detector.metadata["raw"]]


def _frames(runs: Iterable[Any], detector: DetectorNode) -> Iterator[Frames]:
    for run in runs:
        for stream in run:
            for key, described in run[stream].metadata.get("data_keys", {}).items():
                ours = key == detector.name or key.startswith((f"{detector.name}_", f"{detector.name}-"))
                if ours and tuple(described.get("shape", ())[-2:]) == detector.shape:
                    node = _node(run[stream], key)
                    if node.shape[0] > 0:
                        yield Frames(run.metadata["start"]["uid"], stream, node)


def _node(stream: Any, key: str) -> Any:
    """Return a data key of a stream.

    Once databroker's ``Broker`` was used in a process, its older clients, which file the keys under
    ``data``, answer every catalogue there (bluesky-tiled-plugins 2.0.12: the copied dispatch is shared).
    """
    return stream[key] if key in stream else stream["data"][key]


def _mean(frames: Any) -> np.ndarray:
    total = np.zeros(frames.shape[-2:])
    for piece in _pieces(frames):
        total += piece.sum(axis=0, dtype=float)
    return (total / np.prod(frames.shape[:-2])).astype(np.float32)


def _maximum(frames: Any) -> np.ndarray:
    pieces = _pieces(frames)
    most = next(pieces).max(axis=0)
    for piece in pieces:
        np.maximum(most, piece.max(axis=0), out=most)
    return most


def _pieces(frames: Any) -> Iterator[np.ndarray]:
    """Yield all frames, some at a time: ``(frames, rows, columns)``."""
    step = max(1, BYTES_AT_ONCE // max(1, int(np.prod(frames.shape[1:])) * frames.dtype.itemsize))
    for first in range(0, frames.shape[0], step):
        yield np.asarray(frames[first : first + step]).reshape(-1, *frames.shape[-2:])
