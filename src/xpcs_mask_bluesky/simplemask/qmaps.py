r"""The viewer's Q-maps from the viewer's parameters, as a dictionary of read-only arrays.

In transmission by the viewer's formulas: with :math:`r` the distance from the beam in mm and
:math:`\alpha = \arctan(r / d)`, ``sqmap`` is :math:`k\sin\alpha` (our ``qr``; the magnitude of the scattering
vector is :math:`2k\sin(\alpha / 2)`), and ``phis`` is :math:`-\mathrm{atan2}(v, h)`. In reflection by exact
formulas, where the viewer takes :math:`\alpha_f = \arctan(v / d) - \alpha_i`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.qmap import q_map
from xpcs_mask_bluesky.simplemask.geometry import geometry_record

if TYPE_CHECKING:
    from xpcs_mask_bluesky.geometry import GeometryRecord

SeedMaps = dict[str, np.ndarray]

AXIS_OF: Mapping[str, str] = MappingProxyType(
    {
        "sqmap": "qr",
        "q": "qr",
        "qr": "qr",
        "qx": "qx",
        "qy": "qy",
        "phis": "phi",
        "phi": "phi",
        "TTH": "two_theta",
        "x": "x",
        "y": "y",
    }
)
"""Our axis of each of the viewer's maps in transmission."""
AXIS_IN_REFLECTION: Mapping[str, str] = MappingProxyType(
    {**AXIS_OF, "sqmap": "q", "q": "q", "qz": "qz", "tth": "tth", "alpha_f": "alpha_f"}
)
"""Our axis of each of the viewer's maps in reflection; its azimuth counts from the surface, ours does not."""
_OF_Q = ("sqmap", "q", "qr", "qx", "qy", "qz")
_ANGLES = ("phis", "phi", "TTH", "tth", "alpha_f")
UNITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_OF_Q, "Å⁻¹"),
        **dict.fromkeys(_ANGLES, "deg"),
        **dict.fromkeys(("x", "y"), "px"),
    }
)
"""The unit of each map."""


def compute_qmap(stype: str, metadata: Mapping[str, Any], *, assume_defaults: bool = False) -> SeedMaps:
    """Return the Q-map of the viewer's parameters.

    Args:
        stype: ``"Transmission"`` or ``"Reflection"``.
        metadata: See :func:`~xpcs_mask_bluesky.simplemask.geometry_record`.
        assume_defaults: Take the viewer's defaults for what is missing, with a warning.

    Returns:
        ``sqmap``, ``qr``, ``qx``, ``qy`` in Å⁻¹; ``phis``, ``TTH`` in degrees; ``x``, ``y`` in px; in
        reflection also ``qz``, ``tth`` and ``alpha_f``. ``q`` is ``sqmap``, ``phi`` is ``phis``. Each is
        read-only float64 ``(rows, columns)``; the dictionary is the caller's own.

    Raises:
        ValueError: If the type is unknown, or a parameter is missing or out of range.
    """
    return maps_of(geometry_record(stype, metadata, assume_defaults=assume_defaults))


def compute_transmission_qmap(
    energy: float, center: tuple[float, float], shape: tuple[int, int], pix_dim: float, det_dist: float
) -> SeedMaps:
    """Return the Q-map in transmission; see :func:`compute_qmap`.

    Args:
        energy: In keV.
        center: Row and column of the direct beam, in px.
        shape: Rows and columns.
        pix_dim: In mm.
        det_dist: In mm.

    Raises:
        ValueError: If a parameter is out of range.
    """
    return compute_qmap("Transmission", _metadata(energy, center, shape, pix_dim, det_dist))


def compute_reflection_qmap(  # noqa: PLR0917  the viewer's signature
    energy: float,
    center: tuple[float, float],
    shape: tuple[int, int],
    pix_dim: float,
    det_dist: float,
    alpha_i_deg: float | None = None,
    orientation: str | None = None,
    *,
    assume_defaults: bool = False,
) -> SeedMaps:
    """Return the Q-map in reflection; see :func:`compute_qmap`.

    Args:
        energy: In keV.
        center: Row and column of the direct beam, in px.
        shape: Rows and columns.
        pix_dim: In mm.
        det_dist: In mm.
        alpha_i_deg: Incident angle, in degrees.
        orientation: ``"north"``, ``"west"``, ``"south"`` or ``"east"``.
        assume_defaults: Take 0.14° and ``"north"`` for what is missing, with a warning.

    Raises:
        ValueError: If a parameter is missing or out of range.
    """
    metadata = _metadata(energy, center, shape, pix_dim, det_dist)
    metadata |= {"alpha_i_deg": alpha_i_deg, "orientation": orientation}
    return compute_qmap("Reflection", metadata, assume_defaults=assume_defaults)


def maps_of(record: GeometryRecord) -> SeedMaps:
    """Return the viewer's maps of a geometry; compiled once for each shape, whatever the numbers."""
    in_reflection = record.incident_angle is not None
    axes = AXIS_IN_REFLECTION if in_reflection else AXIS_OF
    qmap = q_map(record).compute(*dict.fromkeys(axes.values()))
    maps = {name: qmap[axis] for name, axis in axes.items()}
    if record.orientation:
        turned = (qmap["phi"] - record.orientation + 180) % 360 - 180
        turned.flags.writeable = False
        maps |= {"phi": turned, "phis": turned}
    return maps


def _metadata(
    energy: float, center: tuple[float, float], shape: tuple[int, int], pix_dim: float, det_dist: float
) -> dict[str, Any]:
    return {
        "energy": energy,
        "bcx": center[1],
        "bcy": center[0],
        "shape": shape,
        "pix_dim": pix_dim,
        "det_dist": det_dist,
    }
