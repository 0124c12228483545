"""Masks: small re-evaluable operations, and the raster that they make."""

from xpcs_mask_bluesky.masks.evaluate import Mask, evaluate
from xpcs_mask_bluesky.masks.operations import (
    Blemish,
    Circle,
    Constraint,
    ImageReference,
    Layer,
    Operation,
    Pixels,
    Rectangle,
    Threshold,
    operation_from_json,
)

__all__ = [
    "Blemish",
    "Circle",
    "Constraint",
    "ImageReference",
    "Layer",
    "Mask",
    "Operation",
    "Pixels",
    "Rectangle",
    "Threshold",
    "evaluate",
    "operation_from_json",
]
