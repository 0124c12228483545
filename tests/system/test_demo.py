"""`xpcs-mask demo`, as a user runs it, twice in one directory."""

import json
import subprocess
import sys
from pathlib import Path

import h5py


def demo(directory: Path) -> dict:
    command = [Path(sys.executable).with_name("xpcs-mask"), "demo", "--dir", directory, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_demo_measures_the_simulated_diffusion_and_finds_its_history(tmp_path):
    first = demo(tmp_path)
    assert abs(first["fitted"] / first["simulated"] - 1) < 0.05
    assert abs(first["transposed"] / first["simulated"] - 1) > 0.15
    assert first["earlier_entries"] == 0
    assert len({row["run_uid"] for row in first["rows"]}) == 4
    assert len({row["mask_revision"] for row in first["rows"]}) == 2
    with h5py.File(first["qmap_file"]) as file:
        assert file["qmap/mask"].shape == (256, 256)
    assert Path(first["figure"]).read_bytes().startswith(b"\x89PNG")
    second = demo(tmp_path)
    assert second["earlier_entries"] > 10
