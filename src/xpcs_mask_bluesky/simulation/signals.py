"""Ophyd signals that say their unit, as EPICS records do and ophyd's own simulated ones do not."""

from __future__ import annotations

from typing import Any

from ophyd import Signal
from ophyd.status import Status


class UnitSignal(Signal):
    """A value in memory with a unit, set at once."""

    def __init__(self, *, units: str, **kwargs: Any) -> None:
        self._units = units
        super().__init__(**kwargs)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data key, with its unit."""
        described = super().describe()
        described[self.name]["units"] = self._units
        return described

    def set(self, value: Any, **_: Any) -> Status:
        """Put the value; the status is done when this returns."""
        self.put(value)
        status = Status()
        status.set_finished()
        return status
