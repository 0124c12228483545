"""SimpleMaskKernel: a mask, the geometry in the viewer's parameters, and the partition of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xpcs_mask_bluesky.partitions import PartitionRecipe, partition
from xpcs_mask_bluesky.qmap import q_map
from xpcs_mask_bluesky.simplemask.assemble import MaskAssemble
from xpcs_mask_bluesky.simplemask.exports import EXPORTED
from xpcs_mask_bluesky.simplemask.geometry import geometry_record, missing_parameters
from xpcs_mask_bluesky.simplemask.layers import axis_of
from xpcs_mask_bluesky.simplemask.qmaps import SeedMaps, maps_of

if TYPE_CHECKING:
    from xpcs_mask_bluesky.partitions import Partition

_SPACING: Mapping[str, Literal["linear", "log"]] = {"linear": "linear", "logarithmic": "log"}


class SimpleMaskKernel(MaskAssemble):
    """A detector image with its geometry: the mask, the Q-map and the partition.

    Args:
        detector_image: ``(rows, columns)``.
        metadata: The viewer's geometry parameters; see
            :func:`~xpcs_mask_bluesky.simplemask.geometry_record`. The image gives the shape.
        stype: ``"Transmission"`` or ``"Reflection"``.
        assume_defaults: Take the viewer's defaults for what is missing, with a warning.

    Raises:
        ValueError: If a parameter is missing or out of range.
    """

    def __init__(
        self,
        detector_image: np.ndarray,
        metadata: Mapping[str, Any],
        *,
        stype: str = "Transmission",
        assume_defaults: bool = False,
    ) -> None:
        rows, columns = np.shape(detector_image)
        super().__init__((rows, columns), detector_image)
        self.stype, self.assume_defaults = stype, assume_defaults
        self.metadata: dict[str, Any] = {}
        self.new_partition: Partition | None = None
        self.update_parameters(metadata)

    def update_parameters(self, new_metadata: Mapping[str, Any]) -> None:
        """Take other geometry parameters, and compute the Q-map anew; what masks by it follows.

        Raises:
            ValueError: If a parameter is missing or out of range; everything stays as it was.
        """
        metadata = {**self.metadata, **new_metadata, "shape": self.shape}
        record = geometry_record(self.stype, metadata, assume_defaults=self.assume_defaults)
        self.metadata, self.record, self.new_partition = metadata, record, None
        self.update_qmap(maps_of(record))

    @property
    def assumed(self) -> tuple[str, ...]:
        """Parameters that nobody gave: the viewer's defaults stand for them."""
        return missing_parameters(self.stype, self.metadata)

    @property
    def maps(self) -> SeedMaps:
        """The Q-map: a dictionary of your own, of read-only arrays."""
        return maps_of(self.record)

    def compute_partition(  # noqa: PLR0917  the viewer's signature
        self,
        mode: str = "q-phi",
        dq_num: int = 10,
        sq_num: int = 100,
        dp_num: int = 36,
        sp_num: int = 360,
        style: str = "linear",
        phi_offset: float = 0.0,
        symmetry_fold: int = 1,
    ) -> Partition:
        """Return the partition of the mask in force, and keep it as ``new_partition``.

        Args:
            mode: Two maps, joined by a hyphen: ``"q-phi"``, ``"x-y"``, ….
            dq_num: Dynamic bins of the first map.
            sq_num: Static bins of the first map, a multiple of the dynamic ones.
            dp_num: Dynamic bins of the second map.
            sp_num: Static bins of the second map, a multiple of the dynamic ones.
            style: ``"linear"``, or ``"logarithmic"`` along the first map.
            phi_offset: Added to the azimuth, in degrees.
            symmetry_fold: Of the azimuth.

        Raises:
            ValueError: If a map or the style is unknown, or the bins do not nest.
        """
        if style not in _SPACING:
            raise ValueError(f"style is {style!r}; expected 'linear' or 'logarithmic'")
        recipe = PartitionRecipe(
            axes=self._axes(mode),
            dynamic=(dq_num, dp_num),
            static=(sq_num, sp_num),
            spacing=_SPACING[style],
            phi_offset=phi_offset - self.record.orientation,  # the viewer counts from the surface
            symmetry_fold=symmetry_fold,
        )
        self.new_partition = partition(q_map(self.record), self.mask, recipe, self.blemish)
        return self.new_partition

    def export_partition(self) -> dict[str, Any]:
        """Tell the last partition to all that asked ``on_partition``, and return what they are told.

        Raises:
            LookupError: If none was computed since the geometry changed.
        """
        if self.new_partition is None:
            raise LookupError("there is no partition of this geometry yet; call compute_partition first")
        exported = exported_partition(self.new_partition)
        self.qmap_exported(exported)
        return exported

    def _axes(self, mode: str) -> tuple[str, str]:
        names, maps = mode.split("-"), self.maps
        if len(names) != 2 or any(name not in maps for name in names):
            raise ValueError(f"mode is {mode!r}; expected two of {', '.join(maps)}, as in 'q-phi'")
        first, second = (axis_of(name, maps) for name in names)
        return first, second


def exported_partition(part: Partition) -> dict[str, Any]:
    """Return what the viewer is told of a partition, all of its dynamic map.

    Returns:
        ``partition_map``: labels, 0 = not counted; ``val_list``: nominal centres along each axis;
        ``num_list``: pixels of each label, from label 1; ``num_pts``: nominal bins along each axis.
    """
    return {name: getattr(part, name) for name in EXPORTED}
