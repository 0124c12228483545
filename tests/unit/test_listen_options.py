"""``xpcs-mask listen``: what is asked for twice, not at all, or cannot be is one line and status 1."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from xpcs_mask_bluesky.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "listen.md"
WATCHED = ["--detector", "det", "--preset", "xpcs-sim"]
COMMAND = typer.main.get_command(app).commands["listen"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "expected one of --zmq, --tiled, --files and --kafka, not 0"),
        (["--zmq", "a:1", "--files", "."], "not 2; each input has a process of its own"),
        (["--kafka", "a:1"], "--kafka BROKERS and --topic TOPIC belong together"),
        (["--zmq", "a:1", "--topic", "t"], "belong together"),
        (["--zmq", "a:1", "--once"], "--once is for --tiled and --files"),
        (["--zmq", "a:1", "--since", "all"], "0MQ keeps nothing"),
        (["--files", ".", "--since", "7"], "--since is '7'; expected a time"),
        (["--files", ".", "--since", "yesterday"], "'yesterday' is neither"),
        (["--kafka", "a:1", "--topic", "t", "--since", "2026-11-25"], "takes only 'all'"),
        (["--zmq", "no port at all"], "cannot be listened to"),
        (["--zmq", "a:1", "--curve", "none.key", "none.key"], "cannot be listened to"),
        (["--files", "gone"], "no directory"),
        (["--tiled", "gone"], "gone holds no catalogue"),
        (["--kafka", "a:1", "--topic", "t", "--kafka-config", "gone.yml"], "no file gone.yml"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog.db").touch()
    monkeypatch.setattr("xpcs_mask_bluesky.catalog.MaskCatalog.client", None)  # nobody is asked
    done = CliRunner().invoke(app, ["listen", "--catalog", str(tmp_path), *WATCHED, *options])
    assert done.exit_code == 1, done.output
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("xpcs-mask listen: ")]
    assert said in line


def test_without_pyzmq_the_remedy_is_named(tmp_path):
    (tmp_path / "catalog.db").touch()
    code = (
        "import sys; sys.modules['zmq'] = None\n"
        "from xpcs_mask_bluesky.catalog import MaskCatalog; MaskCatalog.client = None\n"
        "from xpcs_mask_bluesky.cli import app; app()"
    )
    options = ["listen", "--catalog", tmp_path, *WATCHED, "--zmq", "a:1"]
    done = subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "xpcs-mask listen: --zmq needs: pip install 'xpcs-mask-bluesky[zmq]'"


def test_the_page_names_only_options_that_there_are():
    there = {each for option in COMMAND.params for each in option.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE.read_text()))
    assert len(named) > 15
    assert named <= there
