"""A geometry as an ophyd-async device: its fields are configuration, each with its unit."""

from __future__ import annotations

from xpcs_mask_bluesky.devices.fields import PV, check_fields, source_of
from xpcs_mask_bluesky.documents.fields import UNIT_OF
from xpcs_mask_bluesky.documents.source import GeometrySource

try:
    from ophyd_async.core import SignalRW, StandardReadable, StandardReadableFormat, soft_signal_rw
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "this device needs ophyd-async: pip install 'xpcs-mask-bluesky[ophyd-async]'"
    ) from error


class GeometryDevice(StandardReadable):
    """The geometry of a detector as an ophyd-async device; connect it as any other.

    Its fields land in the configuration of the descriptors of the streams that it is read in. There is no
    ``configure`` in ophyd-async: pass it to ``callback.attach(RE, sd=sd, devices=[geometry])``, which has its
    signals monitored, so that a ``bps.mv`` in mid-run is in the documents.

    Args:
        name: Its ophyd name.
        **fields: A number, in the field's own unit (keV, m, px, deg), or a :class:`PV` whose record
            declares its unit.

    Raises:
        TypeError: If a field is none of a geometry's.
        ValueError: If a PV is given a unit, which ophyd-async takes from the record alone.
    """

    def __init__(self, name: str = "", **fields: float | PV) -> None:
        check_fields(fields)
        self._fields = tuple(fields)
        with self.add_children_as_readables(StandardReadableFormat.CONFIG_SIGNAL):
            for field, value in fields.items():
                setattr(self, field, _signal(field, value))
        super().__init__(name=name)

    def monitored_signals(self) -> list[SignalRW[float]]:
        """Return the signals that are to be monitored: all."""
        return [getattr(self, field) for field in self._fields]

    def source(self, detector: str, *, shape: tuple[int, int] | None = None) -> GeometrySource:
        """Return the source that reads this device.

        Args:
            detector: The detector's ophyd name.
            shape: Rows and columns; by default what the data key ``DETECTOR_image`` declares.
        """
        keys = {field: getattr(self, field).name for field in self._fields}
        return source_of(keys, detector, shape)


def _signal(field: str, value: float | PV) -> SignalRW[float]:
    if not isinstance(value, PV):
        return soft_signal_rw(float, float(value), units=UNIT_OF[field])
    if value.unit:
        raise ValueError(
            f"{field}: ophyd-async takes the unit of {value.name} from its record (EGU), not {value.unit!r}; "
            "set it there, or declare it in a GeometrySource of your own"
        )
    from ophyd_async.epics.core import epics_signal_rw

    return epics_signal_rw(float, value.name)
