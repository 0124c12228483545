"""Where the user of a catalogue keeps files of its own on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import platformdirs


def state_directory(uri: str) -> Path:
    """Return where what belongs to a server at ``uri`` is kept on this machine."""
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    return platformdirs.user_state_path("xpcs-mask") / name


class Directories:
    """Those of one catalogue.

    Args:
        state: The served directory; else one of the user's for this server.
        shared: Where partitions are written that the server reads there; None where it cannot.
    """

    def __init__(self, state: Path, shared: Path | None) -> None:
        self._state, self._shared = state, shared

    @property
    def directory(self) -> Path | None:
        """The served directory; None for an address or a client."""
        return self._state if self._shared is not None else None

    @property
    def spool_directory(self) -> Path:
        """Where a callback may keep what Tiled has not taken yet."""
        return self._state / "spool"

    @property
    def replay_directory(self) -> Path:
        """Where a replay of runs keeps what it has done."""
        return self._state / "replay"

    @property
    def backup_directory(self) -> Path:
        """Where runs are written that Tiled did not take."""
        return self._state / "backup"

    @property
    def frames_directory(self) -> Path | None:
        """Where detectors may write files that the embedded server serves; None for an address."""
        return self._state / "frames" if self._shared is not None else None
