"""The demo's correlator against scikit-beam's, which lives in an environment of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from xpcs_mask_bluesky.demo.correlate import correlate

VERSION = "0.0.27"
SCRIPT = """
import sys
import numpy as np
from skbeam.core.correlation import multi_tau_auto_corr
given = np.load(sys.argv[1])
g2, delays = multi_tau_auto_corr(3, 8, given["labels"], given["frames"].astype(float))
np.savez(sys.argv[2], g2=g2, delays=delays)
"""


@pytest.fixture(scope="module")
def scikit_beam_python() -> Path:
    """The Python of an environment with scikit-beam, built from its source once."""
    cache = os.environ.get("XPCS_MASK_PEERS") or platformdirs.user_cache_dir("xpcs-mask-peers")
    home = Path(cache) / f"scikit-beam-{VERSION}-py{sys.version_info.major}{sys.version_info.minor}"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        steps = (
            [sys.executable, "-m", "venv", "--clear", home],
            [python, "-m", "pip", "install", "--quiet", f"scikit-beam=={VERSION}"],
            [python, "-c", "import skbeam.core.correlation"],
        )
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = f"scikit-beam cannot be built here: {done.stderr[-300:]}"
                (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        (home / "ready").touch()
    return python


@pytest.mark.timeout(900)
def test_g2_is_that_of_scikit_beam(scikit_beam_python, tmp_path):
    rng = np.random.default_rng(5)
    slow = np.repeat(rng.gamma(2.0, 3.0, (32, 12, 16)), 8, axis=0)
    frames = rng.poisson(slow).astype("uint16")
    labels = np.zeros((12, 16), "uint8")
    labels[1:5, 2:14], labels[6:11, 2:14] = 1, 2
    np.savez(tmp_path / "given.npz", labels=labels, frames=frames)
    command = [scikit_beam_python, "-c", SCRIPT, tmp_path / "given.npz", tmp_path / "found.npz"]
    subprocess.run(command, check=True)
    theirs = np.load(tmp_path / "found.npz")
    ours = correlate(frames, labels, labels, channels=8)
    for delay, g2 in zip(theirs["delays"], theirs["g2"], strict=True):
        if delay > 0:
            (at,) = np.flatnonzero(ours.delays == delay)
            np.testing.assert_allclose(ours.g2[at], g2, rtol=2e-3)
