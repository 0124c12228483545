"""What all tests share."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "realdata"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real measurements; absent in most checkouts, but not in CI."""
    if not SHARED.exists():
        reason = f"the real measurements are not beside this checkout ({SHARED.name} not found)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED
