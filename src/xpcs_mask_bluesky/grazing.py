"""Is the incident angle the one that the specular spot shows? Which rays leave below the critical angle?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from xpcs_mask_bluesky import rotations
from xpcs_mask_bluesky.geometry import UP

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.qmap import QMap


def incident_angle_from_specular(record: GeometryRecord, x: float, y: float) -> float:
    r"""Return the incident angle in degrees for which the specular spot is at column x and row y.

    Half the angle between the spot and the direct beam; without swing and tilt
    :math:`\tan 2\alpha_i = \Delta\,p / d`, with the spot :math:`\Delta` pixels of pitch p from the beam.
    """
    across, down, along = _seen(record, x, y)
    return math.degrees(math.atan2(math.hypot(across, down), along)) / 2


def specular_disagreement(
    record: GeometryRecord, x: float, y: float, *, tolerance: float = 0.02
) -> str | None:
    """Return what is wrong with the incident angle if the specular spot is at column x and row y.

    Args:
        record: In reflection.
        x: Column of the spot that was seen.
        y: Row of it.
        tolerance: In degrees.

    Returns:
        One line for people, or None if the two agree.

    Raises:
        ValueError: If the record is of transmission.
    """
    if record.incident_angle is None:
        raise ValueError("this geometry has no incident_angle; transmission has no specular spot")
    seen = incident_angle_from_specular(record, x, y)
    across, down, _ = _seen(record, x, y)
    up = UP[record.orientation]
    if seen > tolerance and across * up[0] + down * up[1] < math.hypot(across, down) * math.sqrt(0.5):
        side = max(UP, key=lambda each: across * UP[each][0] + down * UP[each][1])
        return (
            f"orientation is {record.orientation}, but the specular spot at column {x:g}, row {y:g} lies "
            f"to the side of {side}; is the orientation or the spot another one's?"
        )
    if abs(seen - record.incident_angle) <= tolerance:
        return None
    return (
        f"incident_angle is {record.incident_angle:.4f}°, but the specular spot at column {x:g}, row {y:g} "
        f"means {seen:.4f}°: {seen - record.incident_angle:+.4f}° is more than {tolerance:g}°; is the "
        "sample stage's zero, the beam centre or the distance off?"
    )


def below_critical_angle(qmap: QMap) -> NDArray[np.bool_]:
    r"""Return where :math:`0 \le \alpha_f < \alpha_c`, ``(rows, columns)``.

    The wave in the film is evanescent there: ``qz_film`` is the incident ray's part alone, but for
    absorption.

    Raises:
        ValueError: If the geometry has no delta.
    """
    if qmap.record.critical_angle is None:
        raise ValueError("this geometry has no delta, and so no critical angle")
    exit_angle = qmap["alpha_f"]
    return (exit_angle >= 0) & (exit_angle < qmap.record.critical_angle)


def _seen(record: GeometryRecord, x: float, y: float) -> rotations.Vector:
    return record.plane.position(
        (x - record.beam_center_x) * record.x_pixel_size, (y - record.beam_center_y) * record.y_pixel_size
    )
