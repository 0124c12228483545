"""One real embedded server, in its own process, for all system tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.roles import keys_of_roles
from tests.system.services import Facility, facility_with_users
from xpcs_mask_bluesky.catalog import MaskCatalog


@pytest.fixture(scope="session")
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose server `shared_catalog` keeps running for the session."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def shared_catalog(server_directory: Path) -> Iterator[MaskCatalog]:
    with MaskCatalog.open(server_directory) as catalog:
        yield catalog


@pytest.fixture
def catalog(shared_catalog: MaskCatalog, server_directory: Path) -> Iterator[MaskCatalog]:
    """A catalogue on a fresh path, with its own runs, of the shared server."""
    fresh = secrets.token_hex(4)
    with MaskCatalog.open(server_directory, path=f"xpcs-{fresh}", raw=f"raw-{fresh}") as catalog:
        yield catalog


@pytest.fixture(scope="session")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facility]:
    """A facility's Tiled that knows people and services."""
    with facility_with_users(tmp_path_factory.mktemp("users")) as running:
        yield running


@pytest.fixture(scope="session")
def keys(users: Facility) -> dict[str, str]:
    """A key of each role there."""
    return keys_of_roles(users)
