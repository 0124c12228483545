"""The commands, as a user or a service manager starts them."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xpcs_mask_bluesky import MaskCatalog
from xpcs_mask_bluesky.cli import COMMANDS

COMMAND = Path(sys.executable).with_name("xpcs-mask")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command):
    name = command.rstrip("_").replace("_", "-")
    done = subprocess.run([COMMAND, name, "--help"], capture_output=True, text=True, check=True)
    _, example = " ".join(done.stdout.split()).split("Example: ")
    assert f"xpcs-mask {name}" in example.split(" Arguments ")[0].split(" Options ")[0]


def test_serve_outlives_its_terminal_and_ends_on_term(tmp_path):
    server = subprocess.Popen(
        [COMMAND, "serve", tmp_path], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "connection.json").exists() and time.monotonic() < end:
            time.sleep(0.1)  # whoever comes before it serves the directory itself
        with MaskCatalog.open(tmp_path) as catalog:
            catalog.create_detector("det", shape=(4, 5))
        assert server.poll() is None
        with MaskCatalog.open(tmp_path) as again:
            assert list(again) == ["det"]
    finally:
        server.send_signal(signal.SIGTERM)
    assert server.wait(20) in {0, -signal.SIGTERM}


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [COMMAND, "demo", "--dir", tmp_path / "file"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "file" in done.stderr
