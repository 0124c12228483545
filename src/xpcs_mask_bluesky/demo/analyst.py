# h5py types what [] returns as any of its kinds.
# pyright: reportIndexIssue=false, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
"""The analyst: another process that knows the catalogue's address and the uid of a run, nothing else."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xpcs_mask_bluesky.catalog import MaskCatalog
from xpcs_mask_bluesky.demo.correlate import Correlation, correlate
from xpcs_mask_bluesky.demo.figure import draw
from xpcs_mask_bluesky.demo.fit import Diffusion, fit_diffusion
from xpcs_mask_bluesky.demo.story import DETECTOR


@dataclass(frozen=True)
class Labels:
    """What a correlator reads of a ``/qmap`` file."""

    dynamic: np.ndarray
    static: np.ndarray
    mask: np.ndarray
    q: np.ndarray
    """Nominal q of each dynamic label, in Å⁻¹."""


def read_labels(path: Path) -> Labels:
    """Return label maps and q of a ``/qmap`` file, with h5py alone."""
    with h5py.File(path) as file:
        qmap = file["qmap"]
        columns = int(qmap["dynamic_num_pts"][1])
        bins = qmap["dynamic_index_mapping"][()] // columns
        return Labels(
            dynamic=qmap["dynamic_roi_map"][()],
            static=qmap["static_roi_map"][()],
            mask=qmap["mask"][()].astype(bool),
            q=qmap["dynamic_v_list_dim0"][()][bins],
        )


def analyse(
    frames: np.ndarray, labels: Labels, *, period: float, transposed: bool = False
) -> tuple[Correlation, Diffusion]:
    """Return g2 and D; ``transposed`` takes the label maps with rows and columns exchanged."""
    dynamic, static = labels.dynamic, labels.static
    if transposed:
        dynamic, static = dynamic.T, static.T
    correlation = correlate(frames, dynamic, static)
    return correlation, fit_diffusion(correlation, labels.q, period=period)


def main(directory: Path, run_uid: str) -> dict[str, Any]:
    """Answer for one run, and leave its ``/qmap`` file and a picture beside the catalogue."""
    with MaskCatalog.open(directory) as catalog:
        use = catalog[DETECTOR].partition(run=run_uid)
        qmap_file = use.partition.export(directory / f"qmap_{run_uid[:8]}.hdf")
        run = catalog.client[catalog.raw][run_uid]
        frames = run["primary"][f"{DETECTOR}_image"].read()[0]
        period = frame_period(run)
    labels = read_labels(qmap_file)
    correlation, right = analyse(frames, labels, period=period)
    _, wrong = analyse(frames, labels, period=period, transposed=True)
    figure = directory / f"demo_{run_uid[:8]}.png"
    draw(figure, frames.mean(axis=0), labels, correlation, right, period=period)
    return {
        "fitted": right.coefficient,
        "fitted_error": right.error,
        "transposed": wrong.coefficient,
        "qmap_file": str(qmap_file),
        "figure": str(figure),
    }


def frame_period(run: Any) -> float:
    """Return the time between frames, in s, from the run's configuration.

    Raises:
        LookupError: If the run does not tell it.
    """
    for section in run["primary"].metadata["configuration"].values():
        if f"{DETECTOR}_cam_acquire_period" in section["data"]:
            return float(section["data"][f"{DETECTOR}_cam_acquire_period"])
    raise LookupError("the run's configuration has no acquire_period")


if __name__ == "__main__":
    found = main(Path(sys.argv[1]), sys.argv[2])
    numbers = {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in found.items()
    }
    sys.stdout.write(json.dumps(numbers) + "\n")
