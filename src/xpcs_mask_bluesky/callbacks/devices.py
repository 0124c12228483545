"""How devices come into the documents: what of them is monitored, and how the baseline reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def monitorable(device: Any) -> list[Any]:
    """Return what of a device can be monitored: itself, or its signals.

    A geometry device names its signals, ophyd-async's signals are asked for, and of an ophyd device those
    of its readings count that have a subscription.
    """
    if hasattr(device, "monitored_signals"):
        return list(device.monitored_signals())
    if hasattr(device, "subscribe_reading"):
        return [device]  # a signal of ophyd-async
    if hasattr(device, "children"):
        return [each for _, each in device.children() if hasattr(each, "subscribe_reading")]
    parts = [device, *(getattr(device, name) for name in getattr(device, "read_attrs", ()))]
    # ophyd refuses to subscribe where there is no default subscription, and that aborts the run.
    able = [each for each in parts if getattr(each, "_default_sub", None) is not None]
    return able[:1] if able[:1] == [device] else able


class Observed:
    """A device as the baseline reads it: the same documents, but not the same object.

    bluesky 1.15.1 aborts a run that configures a device which shares a stream with others (KeyError in
    ``RunBundler.configure``): the baseline's other devices have no cached configuration in the stream that
    is read. It knows a device by identity, so a stand-in in the baseline keeps the device out of that.

    Args:
        device: The device.
    """

    parent = None

    def __init__(self, device: Any) -> None:
        self.device = device
        self.name = device.name

    @property
    def hints(self) -> dict[str, Any]:
        """The device's."""
        return getattr(self.device, "hints", {})

    def read(self) -> Any:
        """Return what the device reads."""
        return self.device.read()

    def describe(self) -> Any:
        """Return the device's data keys."""
        return self.device.describe()

    def read_configuration(self) -> Any:
        """Return the device's configuration."""
        return self.device.read_configuration()

    def describe_configuration(self) -> Any:
        """Return the configuration's data keys."""
        return self.device.describe_configuration()


class Triggered(Observed):
    """One that is triggered before it is read."""

    def trigger(self) -> Any:
        """Trigger the device."""
        return self.device.trigger()


def observe(sd: Any, device: Any, *, warn: Callable[[str], object]) -> None:
    """Have a device read in the baseline of each run, and monitored; a second time changes nothing.

    Args:
        sd: ``SupplementalData``.
        device: The device.
        warn: Takes a line for people.
    """
    stand_in = _for_baseline(device)
    if not any(getattr(each, "device", each) is device for each in sd.baseline):
        sd.baseline.append(stand_in)
    elif stand_in is not device and any(each is device for each in sd.baseline):
        warn(
            f"{device.name} is in the baseline itself: bluesky 1.15.1 aborts a run that configures it; "
            "take it out of sd.baseline and let attach() put its stand-in there"
        )
    sd.monitors.extend(each for each in monitorable(device) if each not in sd.monitors)


def _for_baseline(device: Any) -> Any:
    """Return what to put into the baseline for a device: a stand-in, if plans can configure it."""
    if not (hasattr(device, "configure") and hasattr(device, "read_configuration")):
        return device
    return Triggered(device) if hasattr(device, "trigger") else Observed(device)
