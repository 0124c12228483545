"""The partition itself: label maps of one geometry, one mask and one recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import array_digest, json_digest, mask_digest
from xpcs_mask_bluesky.partitions.axes import AZIMUTHS, axis_values, unit_of
from xpcs_mask_bluesky.partitions.azimuth import into_first_fold
from xpcs_mask_bluesky.partitions.bins import Bins
from xpcs_mask_bluesky.partitions.checks import check_partition
from xpcs_mask_bluesky.partitions.counting import label_counts
from xpcs_mask_bluesky.partitions.grid import Grid
from xpcs_mask_bluesky.partitions.small_bins import SmallBins, below
from xpcs_mask_bluesky.partitions.solid_angle import pixel_solid_angle
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions.difference import PartitionDifference
    from xpcs_mask_bluesky.partitions.grid import Kind
    from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe

    Bits = NDArray[np.bool_]
    Labels = NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False, kw_only=True)
class Partition:
    """Label maps with all that they follow from. Arrays are read-only, ``(rows, columns)``."""

    record: GeometryRecord
    requested: PartitionRecipe
    """The recipe as it was asked for."""
    recipe: PartitionRecipe
    """The recipe resolved: the edges that were used."""
    mask: Bits
    """True exactly where both maps are above 0."""
    blemish: Bits
    """The detector's own mask; it contains ``mask``."""
    dynamic_roi_map: Labels
    """0 = not counted, 1..N without gaps."""
    static_roi_map: Labels
    """0 = not counted, 1..N without gaps; nested in the dynamic bins."""
    dynamic_index_mapping: NDArray[np.integer]
    static_index_mapping: NDArray[np.integer]
    _static_counts: NDArray[np.int64] | None = field(default=None, repr=False)
    """Pixels of each static label, where whoever made the labels has counted them."""

    @classmethod
    def from_arrays(
        cls,
        *,
        record: GeometryRecord,
        requested: PartitionRecipe,
        recipe: PartitionRecipe,
        mask: ArrayLike,
        blemish: ArrayLike,
        dynamic_roi_map: ArrayLike,
        static_roi_map: ArrayLike,
        dynamic_index_mapping: ArrayLike,
        static_index_mapping: ArrayLike,
    ) -> Partition:
        """Return a partition from stored parts, after checking what must hold of them.

        Raises:
            ValueError: If a map has another shape, its labels have gaps, the mask disagrees with the
                labels, a pixel counts that the blemish rejects, or static bins cross dynamic ones.
        """
        part = cls(
            record=record,
            requested=requested,
            recipe=recipe,
            mask=frozen(np.array(mask, dtype=bool)),
            blemish=frozen(np.array(blemish, dtype=bool)),
            dynamic_roi_map=frozen(np.array(dynamic_roi_map)),
            static_roi_map=frozen(np.array(static_roi_map)),
            dynamic_index_mapping=frozen(np.array(dynamic_index_mapping)),
            static_index_mapping=frozen(np.array(static_index_mapping)),
        )
        part.check()
        return part

    @cached_property
    def digest(self) -> str:
        """SHA-256 of geometry, mask, requested recipe and both label maps: 64 hexadecimal characters."""
        return json_digest(
            {
                "geometry": self.record.digest,
                "mask": mask_digest(self.mask),
                "recipe": self.requested.digest,
                "dynamic_roi_map": array_digest(self.dynamic_roi_map),
                "static_roi_map": array_digest(self.static_roi_map),
            }
        )

    @cached_property
    def dynamic(self) -> Bins:
        """The coarse bins, for g2."""
        # static bins nest, so that their pixels need not be counted again
        parents = dynamic_of_static(self.recipe)[self.static_index_mapping]
        counts = np.zeros(len(self.dynamic_index_mapping), dtype=np.int64)
        np.add.at(counts, np.searchsorted(self.dynamic_index_mapping, parents), self.static.counts)
        return self._bins("dynamic", self.dynamic_roi_map, self.dynamic_index_mapping, counts)

    @cached_property
    def static(self) -> Bins:
        """The fine bins, for normalisation."""
        labels, mapping, counts = self.static_roi_map, self.static_index_mapping, self._static_counts
        if counts is None:
            counts = label_counts(labels, self.mask, len(mapping) + 1)[1:]
        return self._bins("static", labels, mapping, counts)

    @property
    def map_names(self) -> tuple[str, str]:
        """Names of the two dimensions: the recipe's axes, and beside one alone ``phi`` or ``all``."""
        return self.recipe.dimensions

    @property
    def map_units(self) -> tuple[str, str]:
        """Units of the two dimensions, empty where there is none."""
        first, second = (unit_of(name) for name in self.map_names)
        return first, second

    @property
    def partition_map(self) -> Labels:
        """The dynamic map, by the name that XPCS Viewer scripts know."""
        return self.dynamic_roi_map

    @property
    def val_list(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Nominal centres of the dynamic bins along each axis."""
        return self.dynamic.centers

    @property
    def num_list(self) -> NDArray[np.int64]:
        """Pixels of each dynamic label."""
        return self.dynamic.counts

    @property
    def num_pts(self) -> tuple[int, int]:
        """Nominal number of dynamic bins along each axis."""
        return self.dynamic.num_pts

    @cached_property
    def small_bins(self) -> SmallBins:
        """The bins below the recipe's ``minimum_pixels``, and what was dropped or merged."""
        return SmallBins(
            minimum=self.recipe.minimum_pixels,
            dynamic=below(self.dynamic.counts, self.dynamic_index_mapping, self.recipe.minimum_pixels),
            static=below(self.static.counts, self.static_index_mapping, self.recipe.minimum_pixels),
            dropped=dict(self.recipe.dropped),
            merged=dict(self.recipe.merged or ()),
        )

    def diff(self, other: Partition) -> PartitionDifference:
        """Return what changes from this partition to another over the same axes and numbers of bins.

        Raises:
            ValueError: If the detectors' shapes, axes or numbers of bins differ.
        """
        from xpcs_mask_bluesky.partitions.difference import difference

        return difference(self, other)

    def combine(self, other: Partition, names: tuple[str, str] = ("first", "second")) -> Partition:
        """Return both in one: two axes crossed, or groups over the same axes side by side.

        Partitions over one axis each, and different ones, make that over both: a pixel counts if both count
        it. Partitions over the same axes become groups of one: a pixel counts if one of them does.

        Args:
            other: Of the same geometry and blemish.
            names: For groups made of partitions that have none.

        Raises:
            ValueError: If the geometries, blemishes or turned angles differ, bins overlap, or small bins
                were dropped or merged already.
        """
        from xpcs_mask_bluesky.partitions.combine import combined

        return combined(self, other, names)

    def check(self) -> None:
        """Raise ``ValueError`` unless everything holds that must hold of a partition."""
        check_partition(self)

    def _bins(
        self, kind: Kind, labels: Labels, mapping: NDArray[np.integer], counts: NDArray[np.int64]
    ) -> Bins:
        grid = Grid.of(self.recipe, kind)
        # not self, which holds the bins: what is in a cycle keeps its maps until Python looks for cycles
        record, recipe, mask = self.record, self.recipe, self.mask
        return Bins(
            num_pts=grid.num_pts,
            edges=(frozen(grid.edges(0)), frozen(grid.edges(1))),
            intervals=(frozen(grid.intervals(0)), frozen(grid.intervals(1))),
            centers=(frozen(grid.centers(0)), frozen(grid.centers(1))),
            index_mapping=mapping,
            counts=frozen(counts),
            _means=lambda: _means(record, recipe, mask, labels),
            _solid_angles=lambda: _solid_angles(record, labels),
        )

    def __repr__(self) -> str:
        return (
            f"Partition({' × '.join(self.recipe.axes)}; {len(self.dynamic_index_mapping)} dynamic and "
            f"{len(self.static_index_mapping)} static labels; {self.digest[:8]})"
        )


def dynamic_of_static(recipe: PartitionRecipe) -> NDArray[np.int32]:
    """Return the natural dynamic index of each natural static one."""
    return Grid.of(recipe, "static").parents(Grid.of(recipe, "dynamic"))


def frozen(array: np.ndarray) -> np.ndarray:
    """Return an array of our own, made read-only; of somebody else's pass a copy."""
    array.flags.writeable = False
    return array


def _means(
    record: GeometryRecord, recipe: PartitionRecipe, mask: Bits, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = (_mean(record, recipe, name, mask, labels) for name in recipe.dimensions)
    return first, second


def _mean(
    record: GeometryRecord, recipe: PartitionRecipe, dimension: str, mask: Bits, labels: Labels
) -> NDArray[np.float64]:
    values = axis_values(q_map(record), dimension, recipe)[mask]
    label = labels[mask].astype(np.intp) - 1
    if dimension not in AZIMUTHS:
        return frozen(np.bincount(label, values) / np.bincount(label))
    fold = recipe.symmetry_fold
    turned = np.radians(values * fold)
    total = np.bincount(label, np.cos(turned)) + 1j * np.bincount(label, np.sin(turned))
    return frozen(into_first_fold(np.degrees(np.angle(total)) / fold, fold))


def _solid_angles(record: GeometryRecord, labels: Labels) -> NDArray[np.float64]:
    return frozen(np.bincount(labels.ravel(), pixel_solid_angle(record).ravel())[1:])
