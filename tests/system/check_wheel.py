"""Run by `.ci/run` with an installed wheel, outside the checkout: the package data and the command work."""

import subprocess
import sys
from pathlib import Path

import xpcs_mask_bluesky
from xpcs_mask_bluesky import GeometrySource

installed = Path(xpcs_mask_bluesky.__file__)
if "site-packages" not in installed.parts:
    sys.exit(f"this is {installed}, not an installed wheel")
for preset in ("ophyd-eiger", "xpcs-sim"):
    GeometrySource.preset(preset, detector="eiger4M")
for preset in ("nsls2-chx", "nsls2-chx-500k"):
    GeometrySource.preset(preset, detector="eiger4m_single", camera="eiger4m")
GeometrySource.preset("aps-8id-nexus", detector="rigaku3M", rows=2048, columns=1536)
for name in xpcs_mask_bluesky.__all__:
    getattr(xpcs_mask_bluesky, name)
command = Path(sys.executable).with_name("xpcs-mask")
done = subprocess.run([command, "demo", "--dir", "demo", "--frames", "100"], check=False)
sys.exit(done.returncode)
