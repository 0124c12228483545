"""A RunEngine and the simulated beamline: what a beamline has in its profile already."""

import os
from pathlib import Path

from bluesky import RunEngine
from bluesky.plans import count, scan  # noqa: F401  at the prompt
from bluesky.preprocessors import SupplementalData

from xpcs_mask_bluesky.simulation.devices import SimulatedBeamline

masks = Path(os.environ.get("XPCS_MASK_DIR", "xpcs-masks")).resolve()
beamline = SimulatedBeamline(masks / "frames")
eiger4M, mono, flight_path = beamline.detector, beamline.mono, beamline.flight_path  # noqa: N816  its name

RE = RunEngine()
# Not mono: bluesky 1.15 aborts a run in which a device of the baseline is configured.
RE.preprocessors.append(SupplementalData(baseline=beamline.geometry_devices))
