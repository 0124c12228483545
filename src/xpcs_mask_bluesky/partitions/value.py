"""The partition itself: label maps of one geometry, one mask and one recipe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from xpcs_mask_bluesky.digests import array_digest, json_digest, mask_digest
from xpcs_mask_bluesky.partitions.azimuth import into_first_fold, label_coordinate, nominal_azimuth
from xpcs_mask_bluesky.partitions.bins import Bins, bin_index, closed_labels, parents
from xpcs_mask_bluesky.partitions.recipe import PartitionRecipe
from xpcs_mask_bluesky.qmap import QMap, q_map

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
            mask=_frozen(np.asarray(mask).astype(bool)),
            blemish=_frozen(np.asarray(blemish).astype(bool)),
            dynamic_roi_map=_frozen(np.asarray(dynamic_roi_map)),
            static_roi_map=_frozen(np.asarray(static_roi_map)),
            dynamic_index_mapping=_frozen(np.asarray(dynamic_index_mapping)),
            static_index_mapping=_frozen(np.asarray(static_index_mapping)),
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
        return self._bins(self.recipe.edges, self.dynamic_roi_map, self.dynamic_index_mapping)

    @cached_property
    def static(self) -> Bins:
        """The fine bins, for normalisation."""
        return self._bins(self.recipe.static_edges, self.static_roi_map, self.static_index_mapping)

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
    ) -> Bins:
        first, second = self.recipe.axes
        centers = (self._centers(first, edges[first]), self._centers(second, edges[second]))
        return Bins(
            num_pts=(len(edges[first]) - 1, len(edges[second]) - 1),
            edges=(_frozen(np.asarray(edges[first])), _frozen(np.asarray(edges[second]))),
            centers=centers,
            index_mapping=mapping,
            counts=_frozen(np.bincount(labels.ravel(), minlength=len(mapping) + 1)[1:]),
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
        return _frozen(centers)

    def _mean(self, axis: str, labels: Labels) -> NDArray[np.float64]:
        values = q_map(self.record)[axis][self.mask]
        label = labels[self.mask].astype(np.intp) - 1
        if axis != "phi":
            return _frozen(np.bincount(label, values) / np.bincount(label))
        fold = self.recipe.symmetry_fold
        turned = np.radians(values * fold)
        total = np.bincount(label, np.cos(turned)) + 1j * np.bincount(label, np.sin(turned))
        return _frozen(into_first_fold(np.degrees(np.angle(total)) / fold, fold))

    def __repr__(self) -> str:
        return (
            f"Partition({' × '.join(self.recipe.axes)}; {len(self.dynamic_index_mapping)} dynamic and "
            f"{len(self.static_index_mapping)} static labels; {self.digest[:8]})"
        )


def partition(
    qmap: QMap,
    mask: ArrayLike,
    recipe: PartitionRecipe,
    blemish: ArrayLike | None = None,
    *,
    resolved: PartitionRecipe | None = None,
) -> Partition:
    """Return the partition of a geometry's Q-map under a mask, by a recipe.

    Args:
        qmap: Of the geometry.
        mask: Boolean ``(rows, columns)``, True = counted.
        recipe: What is asked for.
        blemish: The detector's own mask, True = good; it takes its bad pixels out of ``mask``.
        resolved: An earlier resolution of ``recipe`` to use again, so that re-masking moves no pixel.

    Raises:
        ValueError: If a mask has another shape than the Q-map, no pixel is left, an axis is unknown, or
            there are more static bins than counted pixels.
    """
    good = np.ones(qmap.shape, bool) if blemish is None else _boolean(blemish, qmap, "blemish")
    wanted = _boolean(mask, qmap, "mask") & good
    if not wanted.any():
        raise ValueError("the mask counts no pixel: nothing to partition")
    used = (resolved or recipe).resolve(qmap, wanted)
    natural = natural_static_index(qmap, used)
    natural = np.where(wanted, natural, np.int32(-1))
    _check_room(natural, used)
    static_map, static_mapping, _ = closed_labels(natural, used.static[0] * used.static[1])
    coarse = _dynamic_of_static(used)
    dynamic = np.where(natural >= 0, coarse[natural], np.int32(-1))
    dynamic_map, dynamic_mapping, _ = closed_labels(dynamic, used.dynamic[0] * used.dynamic[1])
    return Partition(
        record=qmap.record,
        requested=recipe,
        recipe=used,
        mask=_frozen(natural >= 0),
        blemish=_frozen(good),
        dynamic_roi_map=_frozen(dynamic_map),
        static_roi_map=_frozen(static_map),
        dynamic_index_mapping=_frozen(dynamic_mapping),
        static_index_mapping=_frozen(static_mapping),
    )


def natural_static_index(qmap: QMap, resolved: PartitionRecipe) -> NDArray[np.int32]:
    """Return each pixel's natural static index, whatever the mask: 0-based, -1 = in no bin.

    The second axis runs fastest. This is what never moves while the geometry stands still.
    """
    first, second = (
        bin_index(
            label_coordinate(qmap, axis, resolved.phi_offset, resolved.symmetry_fold),
            resolved.static_edges[axis],
        )
        for axis in resolved.axes
    )
    natural = first * np.int32(resolved.static[1]) + second
    natural[(first < 0) | (second < 0)] = -1
    return natural


def _dynamic_of_static(recipe: PartitionRecipe) -> NDArray[np.int32]:
    """Return the natural dynamic index of each natural static one."""
    first, second = (parents(recipe.static_edges[a], recipe.edges[a]) for a in recipe.axes)
    return (first[:, None] * np.int32(recipe.dynamic[1]) + second[None, :]).ravel()


def _boolean(mask: ArrayLike, qmap: QMap, what: str) -> Bits:
    array = np.asarray(mask)
    if array.shape != qmap.shape:
        hint = (
            "; was it saved transposed?" if array.shape == qmap.shape[::-1] else "; is it another detector's?"
        )
        raise ValueError(f"{what} is {array.shape}, the detector {qmap.shape} (rows, columns){hint}")
    if array.dtype != bool:
        raise ValueError(f"{what} is {array.dtype}; expected bool, True = counted")
    return array


def _check_room(natural: NDArray[np.int32], recipe: PartitionRecipe) -> None:
    bins, pixels = recipe.static[0] * recipe.static[1], int(np.count_nonzero(natural >= 0))
    if not pixels:
        raise ValueError("no counted pixel falls into a bin; do edges and ranges fit this geometry?")
    if bins > pixels:
        raise ValueError(
            f"{recipe.static[0]}×{recipe.static[1]} static bins are more than the {pixels} pixels "
            "counted; ask for fewer bins"
        )


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
    coarse = _dynamic_of_static(part.recipe)
    static = part.static_index_mapping[part.static_roi_map[part.mask].astype(np.intp) - 1]
    dynamic = part.dynamic_index_mapping[part.dynamic_roi_map[part.mask].astype(np.intp) - 1]
    if not np.array_equal(coarse[static], dynamic):
        raise ValueError("a static bin reaches into another dynamic bin than its recipe says")


def _frozen(array: np.ndarray) -> np.ndarray:
    if array.flags.writeable:
        array = array.view() if array.base is None else array.copy()
        array.flags.writeable = False
    return array
