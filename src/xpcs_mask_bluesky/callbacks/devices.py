"""Which parts of an ophyd device can be monitored."""

from __future__ import annotations

from typing import Any


def monitorable(device: Any) -> list[Any]:
    """Return the device if it can be monitored as a whole, else those of its readings that can."""
    parts = [device, *(getattr(device, name) for name in getattr(device, "read_attrs", ()))]
    # ophyd refuses to subscribe where there is no default subscription, and that aborts the run.
    able = [each for each in parts if getattr(each, "_default_sub", None) is not None]
    return able[:1] if able[:1] == [device] else able
