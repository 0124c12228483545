"""Devices that tell a detector's geometry, where a beamline has none: for ophyd and for ophyd-async.

``from xpcs_mask_bluesky.devices.classic import GeometryDevice`` is ophyd's, ``…devices.asynchronous…`` is
ophyd-async's. Both take the same fields: a number is kept in memory, a :class:`PV` is an EPICS record.
"""

from xpcs_mask_bluesky.devices.fields import PV

__all__ = ["PV"]
