"""Names and units of the axes of a partition, and the values by which they label."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.partitions.azimuth import label_angle
from xpcs_mask_bluesky.partitions.ellipse import ELLIPSE_UNITS
from xpcs_mask_bluesky.qmap import UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
    from xpcs_mask_bluesky.qmap import QMap

    Floats = NDArray[np.float64]

AZIMUTHS = frozenset({"phi", "ellipse_phi"})
"""Angles that come back to themselves: offset, fold, circular means, arcs across ±180."""
WHOLE = "all"
"""The second dimension of a partition over an azimuth alone: one bin that holds every pixel."""
AXIS_UNITS: Mapping[str, str] = MappingProxyType({**UNITS, **ELLIPSE_UNITS})
"""Every axis that a recipe may name, with the unit of its values."""


def dimensions(axes: tuple[str, ...]) -> tuple[str, str]:
    """Return the two dimensions of label maps and files: of one axis alone, the second has one bin.

    That is the whole turn of phi, as programs write and read it that know pairs only; of an azimuth alone
    it is :data:`WHOLE`.
    """
    if len(axes) == 2:
        return axes
    return axes[0], WHOLE if axes[0] in AZIMUTHS else "phi"


def unit_of(dimension: str) -> str:
    """Return the unit of a dimension, empty for a number without one."""
    return AXIS_UNITS.get(dimension, "")


def axis_values(qmap: QMap, dimension: str, recipe: PartitionRecipe) -> Floats:
    """Return the values of one dimension, ``(rows, columns)``, in its unit: NaN where there is none.

    Raises:
        ValueError: If the Q-map has no such axis, naming those that there are.
    """
    if dimension == WHOLE:
        return np.zeros(qmap.shape)
    if dimension in ELLIPSE_UNITS and recipe.ellipse is not None:
        return recipe.ellipse.values(qmap.record, dimension)
    if dimension not in qmap.axes:
        raise ValueError(f"no axis {dimension!r}; this Q-map has {', '.join(qmap.axes)}")
    return qmap[dimension]


def label_values(qmap: QMap, axis: str, recipe: PartitionRecipe) -> Floats:
    """Return the values of an axis by which pixels are labelled, ``(rows, columns)``.

    All but azimuths are taken as they are. An azimuth φ, with an offset, is φ + offset wrapped to ±180; with
    ``symmetry_fold`` n > 1 it becomes (φ + 180) mod 360 / n. Offset 0 and fold 1 leave φ as it is.

    Raises:
        ValueError: If the Q-map has no such axis.
    """
    values = axis_values(qmap, axis, recipe)
    if axis not in AZIMUTHS:
        return values
    return label_angle(values, recipe.phi_offset, recipe.symmetry_fold)
