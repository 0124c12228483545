# numpy leaves some types open.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
r"""The solid angle of pixels.

A pixel of area :math:`A` whose centre lies at :math:`\vec r` from the sample, in a plane with normal
:math:`\hat n`, is seen under

.. math:: \Omega = A\,|\hat n \cdot \vec r| / |\vec r|^3

(the integrand of the solid angle at its centre; relative to a pixel at the foot of the normal it is pyFAI's
:math:`\cos^3` of the angle of incidence). What is left out is :math:`(p / |\vec r|)^2` of it, at most, for a
pixel of side :math:`p`: 2e-8 for 75 µm at 0.5 m.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky import rotations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord


def pixel_solid_angle(record: GeometryRecord) -> NDArray[np.float64]:
    """Return the solid angle of each pixel in sr, ``(rows, columns)``.

    A swing turns the detector about the sample, which changes no solid angle; a tilt does.
    """
    x = ((np.arange(record.shape[1]) - record.beam_center_x) * record.x_pixel_size)[None, :]
    y = ((np.arange(record.shape[0]) - record.beam_center_y) * record.y_pixel_size)[:, None]
    # the row of the tilt that makes the component along the beam
    along_x, along_y, normal = rotations.tilt(record.tilt_pitch, record.tilt_yaw, record.tilt_roll)[2]
    squared = x * x + y * y + record.distance * (record.distance + 2 * (along_x * x + along_y * y))
    area = record.x_pixel_size * record.y_pixel_size
    return area * abs(normal) * record.distance / (squared * np.sqrt(squared))
