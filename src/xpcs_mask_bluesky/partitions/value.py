"""The partition itself: label maps of one geometry, one mask and one recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import array_digest, json_digest, mask_digest
from xpcs_mask_bluesky.partitions.azimuth import into_first_fold, nominal_azimuth
from xpcs_mask_bluesky.partitions.bins import Bins, parents
from xpcs_mask_bluesky.partitions.counting import label_counts
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xpcs_mask_bluesky.geometry import GeometryRecord

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
        return self._bins(self.recipe.edges, self.dynamic_roi_map, self.dynamic_index_mapping, counts)

    @cached_property
    def static(self) -> Bins:
        """The fine bins, for normalisation."""
        labels, mapping, counts = self.static_roi_map, self.static_index_mapping, self._static_counts
        if counts is None:
            counts = label_counts(labels, self.mask, len(mapping) + 1)[1:]
        return self._bins(self.recipe.static_edges, labels, mapping, counts)

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

    def check(self) -> None:
        """Raise ``ValueError`` unless everything holds that must hold of a partition."""
        _check_maps(self)
        for name, labels, mapping, size in (
            ("dynamic", self.dynamic_roi_map, self.dynamic_index_mapping, self.recipe.dynamic),
            ("static", self.static_roi_map, self.static_index_mapping, self.recipe.static),
        ):
            _check_labels(name, labels, mapping, size[0] * size[1])
        _check_nesting(self)

    def _bins(
        self,
        edges: dict[str, tuple[float, ...]],
        labels: Labels,
        mapping: NDArray[np.integer],
        counts: NDArray[np.int64],
    ) -> Bins:
        first, second = self.recipe.axes
        centers = (self._centers(first, edges[first]), self._centers(second, edges[second]))
        return Bins(
            num_pts=(len(edges[first]) - 1, len(edges[second]) - 1),
            edges=(frozen(np.asarray(edges[first])), frozen(np.asarray(edges[second]))),
            centers=centers,
            index_mapping=mapping,
            counts=frozen(counts),
            _means=lambda: (self._mean(first, labels), self._mean(second, labels)),
        )

    def _centers(self, axis: str, edges: tuple[float, ...]) -> NDArray[np.float64]:
        bounds = np.asarray(edges)
        if self.recipe.spacing_of(axis) == "log":
            centers = np.sqrt(bounds[:-1] * bounds[1:])
        else:
            centers = (bounds[:-1] + bounds[1:]) / 2
        if axis == "phi":
            centers = nominal_azimuth(centers, self.recipe.phi_offset, self.recipe.symmetry_fold)
        return frozen(centers)

    def _mean(self, axis: str, labels: Labels) -> NDArray[np.float64]:
        values = q_map(self.record)[axis][self.mask]
        label = labels[self.mask].astype(np.intp) - 1
        if axis != "phi":
            return frozen(np.bincount(label, values) / np.bincount(label))
        fold = self.recipe.symmetry_fold
        turned = np.radians(values * fold)
        total = np.bincount(label, np.cos(turned)) + 1j * np.bincount(label, np.sin(turned))
        return frozen(into_first_fold(np.degrees(np.angle(total)) / fold, fold))

    def __repr__(self) -> str:
        return (
            f"Partition({' × '.join(self.recipe.axes)}; {len(self.dynamic_index_mapping)} dynamic and "
            f"{len(self.static_index_mapping)} static labels; {self.digest[:8]})"
        )


def dynamic_of_static(recipe: PartitionRecipe) -> NDArray[np.int32]:
    """Return the natural dynamic index of each natural static one."""
    first, second = (parents(recipe.static_edges[a], recipe.edges[a]) for a in recipe.axes)
    return (first[:, None] * np.int32(recipe.dynamic[1]) + second[None, :]).ravel()


def _check_maps(part: Partition) -> None:
    arrays = {
        "mask": part.mask,
        "blemish": part.blemish,
        "dynamic_roi_map": part.dynamic_roi_map,
        "static_roi_map": part.static_roi_map,
    }
    for name, array in arrays.items():
        if array.shape != part.record.shape:
            raise ValueError(f"{name} is {array.shape}, the detector {part.record.shape}")
    for name in ("dynamic_roi_map", "static_roi_map"):
        if not np.array_equal(arrays[name] > 0, part.mask):
            raise ValueError(f"{name} and mask disagree about which pixels count")
    if (part.mask & ~part.blemish).any():
        raise ValueError("the mask counts pixels that the blemish rejects")


def _check_labels(name: str, labels: Labels, mapping: NDArray[np.integer], size: int) -> None:
    counts = np.bincount(labels.ravel(), minlength=len(mapping) + 1)
    if len(counts) != len(mapping) + 1 or not counts[1:].all():
        raise ValueError(f"labels of the {name} map have gaps: {len(mapping)} expected without any")
    natural = mapping.astype(np.int64)
    if (np.diff(natural) <= 0).any() or (len(natural) and not 0 <= natural[0] <= natural[-1] < size):
        raise ValueError(f"{name}_index_mapping must increase strictly within 0..{size - 1}")


def _check_nesting(part: Partition) -> None:
    coarse = dynamic_of_static(part.recipe)
    static = part.static_index_mapping[part.static_roi_map[part.mask].astype(np.intp) - 1]
    dynamic = part.dynamic_index_mapping[part.dynamic_roi_map[part.mask].astype(np.intp) - 1]
    if not np.array_equal(coarse[static], dynamic):
        raise ValueError("a static bin reaches into another dynamic bin than its recipe says")


def frozen(array: np.ndarray) -> np.ndarray:
    """Return an array of our own, made read-only; of somebody else's pass a copy."""
    array.flags.writeable = False
    return array
