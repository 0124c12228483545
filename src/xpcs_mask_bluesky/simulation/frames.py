# h5py types what [] returns as any of its kinds.
# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
"""The HDF5 file of one run's frames, and the documents that tell Tiled where they are."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import h5py
import numpy as np

DATASET = "entry/data/data"


class FrameFile:
    """A growing dataset (events, frames, rows, columns), one chunk for each event.

    Args:
        directory: Where the server may read.
        data_key: In the event descriptor.
        series: Frames, rows and columns of an event.
    """

    def __init__(self, directory: Path, data_key: str, series: tuple[int, int, int]) -> None:
        self.uid = str(uuid.uuid4())
        self._series, self._events = series, 0
        self._data_key = data_key
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{self.uid}.h5"
        with h5py.File(self.path, "w") as file:
            file.create_dataset(
                DATASET,
                shape=(0, *series),
                maxshape=(None, *series),
                chunks=(1, *series),
                dtype="uint16",
                compression="lzf",
            )

    def append(self, frames: np.ndarray) -> tuple[str, dict[str, Any]]:
        """Write the frames of one event, and return the stream_datum for it."""
        index = self._events
        with h5py.File(self.path, "a") as file:
            dataset = file[DATASET]
            dataset.resize(index + 1, axis=0)
            dataset[index] = frames
        self._events += 1
        return "stream_datum", {
            "uid": f"{self.uid}/{index}",
            "stream_resource": self.uid,
            "descriptor": "",
            "indices": {"start": index, "stop": index + 1},
            "seq_nums": {"start": 0, "stop": 0},  # the RunEngine fills them in
        }

    def resource(self) -> tuple[str, dict[str, Any]]:
        """Return the stream_resource of the file."""
        return "stream_resource", {
            "uid": self.uid,
            "data_key": self._data_key,
            "mimetype": "application/x-hdf5",
            "uri": f"file://localhost{self.path.resolve()}",
            "parameters": {
                "dataset": DATASET,
                "chunk_shape": [1, *self._series],
                "join_method": "stack",
                "swmr": False,
            },
        }
