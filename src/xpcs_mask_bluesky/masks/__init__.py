"""Masks: small re-evaluable operations, and the raster that they make."""

from xpcs_mask_bluesky.masks.base import ImageReference, Layer, Operation
from xpcs_mask_bluesky.masks.context import MostRejected, OffDetector
from xpcs_mask_bluesky.masks.evaluate import evaluate
from xpcs_mask_bluesky.masks.mask import Mask
from xpcs_mask_bluesky.masks.operations import operation_from_json
from xpcs_mask_bluesky.masks.shapes import (
    Circle,
    Ellipse,
    Eraser,
    Grow,
    Invert,
    Line,
    Polygon,
    Rectangle,
    Shape,
    Shrink,
)
from xpcs_mask_bluesky.masks.stored import Blemish, DrawnMask, FileMask, Pixels, StoredMask
from xpcs_mask_bluesky.masks.values import Constraint, OfImage, Outliers, Threshold

__all__ = [
    "Blemish",
    "Circle",
    "Constraint",
    "DrawnMask",
    "Ellipse",
    "Eraser",
    "FileMask",
    "Grow",
    "ImageReference",
    "Invert",
    "Layer",
    "Line",
    "Mask",
    "MostRejected",
    "OfImage",
    "OffDetector",
    "Operation",
    "Outliers",
    "Pixels",
    "Polygon",
    "Rectangle",
    "Shape",
    "Shrink",
    "StoredMask",
    "Threshold",
    "evaluate",
    "operation_from_json",
]
