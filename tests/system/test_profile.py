"""The profile, as a beamline starts it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.simulation.pixels import pixel_faults

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "xpcs_sim"


def test_a_count_in_the_profile_leaves_its_partition(tmp_path):
    profile = tmp_path / "profile"
    shutil.copytree(PROFILE, profile)  # IPython writes into it
    done = subprocess.run(
        [sys.executable, "-m", "IPython", f"--profile-dir={profile}", "-c", "print(RE(count([eiger4M])))"],
        env=os.environ | {"XPCS_MASK_DIR": str(tmp_path / "masks")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = re.search(r"\('([0-9a-f-]{36})',\)", done.stdout)
    assert found, done.stdout + done.stderr
    with MaskCatalog.open(tmp_path / "masks") as catalog:
        use = catalog["eiger4M"].partition(run=found[1])
        assert use.partition.record.distance == 5.0
        assert len(use.partition.dynamic.counts) == 10
        gaps = pixel_faults((256, 256), seed=0).blind
        assert not use.partition.mask[gaps].any()
        assert catalog["eiger4M"].blemish().counted == gaps.size - gaps.sum()
