"""Settings that are the same for every request, so that FastAPI need not look for others at each one.

Tiled overrides one dependency, its settings. While an application has any override, FastAPI reads the
signatures of all dependencies of a route again at every request: a third of the time of a short answer.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from tiled.server.settings import get_settings


class Settled(dict[Any, Any]):
    """Overrides that nobody needs to look into, since what they override gives the same."""

    def __bool__(self) -> bool:
        """Return False: FastAPI looks into overrides only where there are any."""
        return False


def settle(app: FastAPI) -> bool:
    """Spare FastAPI the look for overrides at each request; return whether that was possible.

    Tiled's override changes the settings that the overridden function keeps for its process, and returns
    them. Where that is not so, or something else is overridden, the application is left as it is.
    """
    overrides = app.dependency_overrides
    if set(overrides) != {get_settings} or overrides[get_settings]() is not get_settings():
        return False
    app.dependency_overrides = Settled(overrides)
    return True
