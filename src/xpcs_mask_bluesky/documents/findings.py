"""What following a run finds: a geometry from an event on, or that there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xpcs_mask_bluesky.documents.places import Provenance
from xpcs_mask_bluesky.geometry import GeometryRecord


@dataclass(frozen=True, kw_only=True)
class GeometryChange:
    """From this event on, the run has this geometry."""

    run_uid: str
    record: GeometryRecord
    provenance: Mapping[str, Provenance]
    stream: str
    seq_num: int
    """First event that it holds for, from 1; 0 for a run without an event of the detector."""
    time: float
    """Of the document that told it, seconds since the epoch."""
    changed: tuple[str, ...]
    """Fields that differ from the geometry before by more than their tolerance; empty for the first."""
    correction: str = ""
    """Why another geometry had been said for this event; mostly empty."""


@dataclass(frozen=True, kw_only=True)
class GeometryFault:
    """From this event on, the run's documents tell no geometry."""

    run_uid: str
    stream: str
    seq_num: int
    time: float
    message: str


Finding = GeometryChange | GeometryFault
