"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.loopback import choose_port

choose_port()

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")

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
