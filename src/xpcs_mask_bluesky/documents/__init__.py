"""Run documents to geometry, with the provenance of every field."""

from xpcs_mask_bluesky.documents.findings import GeometryChange, GeometryFault
from xpcs_mask_bluesky.documents.places import GeometryError, Place, Provenance
from xpcs_mask_bluesky.documents.source import GeometrySource
from xpcs_mask_bluesky.documents.tracker import GeometryTracker

__all__ = [
    "GeometryChange",
    "GeometryError",
    "GeometryFault",
    "GeometrySource",
    "GeometryTracker",
    "Place",
    "Provenance",
]
