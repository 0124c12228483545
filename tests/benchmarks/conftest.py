"""The table at the end, and the peers beside which our times are taken."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.benchmarks.table import Line, rendered
from tests.system.peers import CannotBeHad, Peer
from tests.system.test_readers import SIMPLE_MASK

LINES = pytest.StashKey[list[Line]]()
NOTES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(LINES, [])
    config.stash.setdefault(NOTES, [])


@pytest.fixture
def timed(request) -> bool:
    """Whether times are taken; else each work is done once, on a small detector."""
    return bool(request.config.getoption("benchmark_enable"))


@pytest.fixture
def report(request) -> Callable[[Line], None]:
    return request.config.stash[LINES].append


@pytest.fixture(scope="session")
def pysimplemask(request) -> Peer | None:
    """pySimpleMask in an environment of its own; None, and said at the end, where it cannot be had."""
    if not request.config.getoption("benchmark_enable"):
        return None
    try:
        SIMPLE_MASK.build()
    except CannotBeHad as error:
        request.config.stash[NOTES].append(f"compared with numpy, since {error}")
        return None
    return SIMPLE_MASK


def pytest_terminal_summary(terminalreporter, config) -> None:
    lines, notes = config.stash.get(LINES, []), config.stash.get(NOTES, [])
    if lines:
        load = os.getloadavg()[0]
        terminalreporter.section(f"speed, on {os.cpu_count()} cores, load {load:.1f}")
        terminalreporter.write("\n".join([*rendered(lines), *notes]) + "\n")
