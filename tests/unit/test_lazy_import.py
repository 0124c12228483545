"""What is slow to import is imported when it is used."""

import subprocess
import sys

import pytest

import xpcs_mask_bluesky

SLOW = ("jax", "tiled", "bluesky", "ophyd", "h5py", "dask", "scipy", "matplotlib", "bluesky_tiled_plugins")


HELP = (
    "import contextlib; from xpcs_mask_bluesky.cli import app\n"
    "with contextlib.redirect_stdout(sys.stderr): app(['--help'], standalone_mode=False)\n"
    "pass"
)


def loaded(statement: str) -> set[str]:
    code = f"import sys; {statement}\nprint(*(set({SLOW}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import xpcs_mask_bluesky", set()),
        ("from xpcs_mask_bluesky import GeometryRecord", set()),
        ("from xpcs_mask_bluesky import q_map", {"jax"}),
        ("from xpcs_mask_bluesky import MaskCatalog", {"tiled"}),
        ("import xpcs_mask_bluesky.cli", set()),
        (HELP, set()),
    ],
)
def test_only_what_is_needed_is_loaded(statement, allowed):
    assert loaded(statement) <= allowed


def test_every_public_name_is_there_and_no_other():
    for name in xpcs_mask_bluesky.__all__:
        assert getattr(xpcs_mask_bluesky, name) is not None
    assert callable(xpcs_mask_bluesky.partition)
    with pytest.raises(AttributeError, match="lasso"):
        xpcs_mask_bluesky.lasso  # noqa: B018
