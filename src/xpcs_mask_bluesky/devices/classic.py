# ophyd types what a signal returns loosely, and a device's documents too narrowly.
# pyright: reportIncompatibleMethodOverride=false, reportArgumentType=false, reportReturnType=false
"""A geometry as an ophyd device: its fields are configuration, each with its unit."""

from __future__ import annotations

from typing import Any

from ophyd import Component, Device, EpicsSignal, Kind, Signal
from ophyd.device import create_device_from_components

from xpcs_mask_bluesky.devices.fields import PV, check_fields, source_of
from xpcs_mask_bluesky.documents.fields import UNIT_OF
from xpcs_mask_bluesky.documents.source import GeometrySource


class _SaysUnit(Signal):
    """Declares a unit where the signal has none of its own."""

    def __init__(self, *args: Any, unit: str | None = None, **kwargs: Any) -> None:
        self._unit = unit
        super().__init__(*args, **kwargs)

    def describe(self) -> dict[str, Any]:
        """Return the data key, with its unit."""
        described = super().describe()
        if self._unit and not described[self.name].get("units"):
            described[self.name]["units"] = self._unit
        return described


class _Kept(_SaysUnit):
    """A number in memory; a monitor hears its first value too, which ophyd's own signal keeps to itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        said = {"old_value": self._readback, "value": self._readback, "timestamp": self.timestamp}
        self._run_subs(sub_type=self.SUB_VALUE, **said)


class _Record(_SaysUnit, EpicsSignal):
    """A number in an EPICS record."""


class GeometryDevice(Device):
    """The geometry of a detector as an ophyd device; make one with :meth:`of`.

    Its fields land in the configuration of the descriptors of the streams that it is read in. Pass it to
    ``callback.attach(RE, sd=sd, devices=[geometry])``, which also has its signals monitored: then a
    ``bps.mv`` or ``bps.configure`` in mid-run is in the documents too.
    """

    @classmethod
    def of(cls, name: str, **fields: float | PV) -> GeometryDevice:
        """Return a device with these fields of a geometry.

        Args:
            name: Its ophyd name.
            **fields: A number, in the field's own unit (keV, m, px, deg), or a :class:`PV`.

        Raises:
            TypeError: If a field is none of a geometry's.
        """
        check_fields(fields)
        components = {field: _component(field, value) for field, value in fields.items()}
        made = create_device_from_components(
            cls.__name__, docstring=cls.__doc__, base_class=cls, **components
        )
        return made("", name=name)

    def monitored_signals(self) -> list[Signal]:
        """Return the signals that are to be monitored: all."""
        return [getattr(self, field) for field in self.component_names]

    def source(self, detector: str, *, shape: tuple[int, int] | None = None) -> GeometrySource:
        """Return the source that reads this device.

        Args:
            detector: The detector's ophyd name.
            shape: Rows and columns; by default what the data key ``DETECTOR_image`` declares.
        """
        keys = {field: getattr(self, field).name for field in self.component_names}
        return source_of(keys, detector, shape)


def _component(field: str, value: float | PV) -> Component:
    if isinstance(value, PV):
        return Component(_Record, value.name, unit=value.unit, kind=Kind.config)
    return Component(_Kept, value=value, unit=UNIT_OF[field], kind=Kind.config)
