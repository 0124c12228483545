"""What is done before the first run needs it: units, compiled kernels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.callbacks.complaints import Complaints
from xpcs_mask_bluesky.documents.source import UNIT_OF
from xpcs_mask_bluesky.store.errors import is_away

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.documents.source import GeometrySource
    from xpcs_mask_bluesky.partitions import PartitionRecipe

USUAL_UNITS = ("keV", "eV", "m", "mm", "µm", "px", "deg", "Å", "nm")
"""That documents declare, where the source does not say."""


def convert_units(source: GeometrySource) -> None:
    """Convert once from each unit that a source may meet.

    The first conversion of a process takes 0.3 s, and the first from each unit some milliseconds more;
    here they cost nobody anything, in the RunEngine's thread they would hold up a run.
    """
    declared = {place.unit for places in source.fields.values() for place in places if place.unit}
    for unit in {*declared, *USUAL_UNITS}:
        for ours in set(UNIT_OF.values()):
            with suppress(units.UnitError):
                units.magnitude(1.0, unit, unit=ours)


class Preparation:
    """Compiles for the detectors that are watched; in the worker's thread.

    Args:
        catalog: Knows the shapes of detectors that had runs before, and the recipes in force.
        complaints: Where it is said if that failed.
        at_end_again: Called once h5py is there: at the process' end it closes HDF5 before whatever was
            registered earlier is called, and the last partitions are written then.
    """

    def __init__(
        self, catalog: MaskCatalog, complaints: Complaints, at_end_again: Callable[[], None]
    ) -> None:
        self._catalog, self._complaints, self._at_end_again = catalog, complaints, at_end_again
        self._begun = False
        self._wanted: list[tuple[GeometrySource, PartitionRecipe | None, str]] = []

    def add(self, source: GeometrySource, recipe: PartitionRecipe | None, name: str) -> None:
        """Want a detector's kernels compiled."""
        self._wanted.append((source, recipe, name))

    def run(self) -> None:
        """Compile for all detectors whose shape is known; the others compile at their first geometry."""
        if not self._wanted:
            return
        from xpcs_mask_bluesky.callbacks.warm import keep_compiled, warm

        keep_compiled()
        if not self._begun:
            import h5py  # noqa: F401

            self._begun = True
            self._at_end_again()
        while self._wanted:
            source, recipe, name = self._wanted.pop(0)
            try:
                shape = self._shape(source)
                recipe = recipe or self._recipe(source.detector, name)
                if shape is not None and recipe is not None:
                    warm(shape, recipe)
            except ValueError as error:
                logging.getLogger("xpcs_mask_bluesky").debug("xpcs-mask: not all was compiled: %s", error)
            except Exception as error:  # noqa: BLE001  the boundary: a run needs no warm kernels
                if not is_away(error):
                    self._complaints.say(f"nothing was compiled in advance: {error!r}", logging.WARNING)

    def _shape(self, source: GeometrySource) -> tuple[int, int] | None:
        for place in source.fields.get("shape", ()):
            if isinstance(place.value, tuple):
                return place.value
        return self._catalog[source.detector].shape if source.detector in self._catalog else None

    def _recipe(self, detector: str, name: str) -> PartitionRecipe | None:
        try:
            return self._catalog[detector].recipe(name=name) if detector in self._catalog else None
        except LookupError:
            return None
