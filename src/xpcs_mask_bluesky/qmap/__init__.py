"""Scattering coordinates of every pixel, and their derivatives, compiled by JAX, in float64."""

from xpcs_mask_bluesky.qmap.derivatives import PARAMETERS, q_derivatives
from xpcs_mask_bluesky.qmap.lab import Film, Geometry, Surface, Tilt, lab_vector
from xpcs_mask_bluesky.qmap.maps import UNITS, QMap, q_map, q_maps
from xpcs_mask_bluesky.qmap.transmission import q_magnitude

__all__ = [
    "PARAMETERS",
    "UNITS",
    "Film",
    "Geometry",
    "QMap",
    "Surface",
    "Tilt",
    "lab_vector",
    "q_derivatives",
    "q_magnitude",
    "q_map",
    "q_maps",
]
