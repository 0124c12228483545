"""``/qmap`` groups that other programs wrote: what they tell, what is missing, what had to be repaired."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xpcs_mask_bluesky.files.foreign_geometry import FIELDS, foreign_geometry
from xpcs_mask_bluesky.files.foreign_labels import Labels, repaired_labels
from xpcs_mask_bluesky.files.foreign_recipe import foreign_recipe
from xpcs_mask_bluesky.files.hdf5_content import described
from xpcs_mask_bluesky.files.isolated import read_isolated
from xpcs_mask_bluesky.files.peer_hash import hash_matches
from xpcs_mask_bluesky.masks.stored import Blemish, FileMask
from xpcs_mask_bluesky.partitions import Partition, partition
from xpcs_mask_bluesky.qmap import q_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xpcs_mask_bluesky.files.hdf5_content import Content
    from xpcs_mask_bluesky.geometry import GeometryRecord
    from xpcs_mask_bluesky.partitions import PartitionRecipe

GROUPS = ("/qmap", "/xpcs/qmap")
"""Where a partition file, and a result file of 8-ID, hold the group."""
NEVER_TOLD = ("swing_angle_horizontal", "swing_angle_vertical", "unit of lengths", "edges of the bins")
"""What no other program writes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ForeignBins:
    """The dynamic or the static bins, as far as a file tells them."""

    num_pts: tuple[int, int] | None
    """Nominal number of bins along each axis."""
    centers: tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]
    """Along each axis, in the file's unit; NaN for a bin whose centre the file lacks."""
    index_mapping: NDArray[np.integer] | None
    """Natural 0-based index of label k + 1."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ForeignQmap:
    """What a ``/qmap`` group of another program holds. Arrays are read-only, ``(rows, columns)``.

    ``missing`` and ``repairs`` say what it does not tell and what was wrong; nothing is made up for it.
    """

    source: str
    """Name of the file."""
    group: str
    """``/qmap``, or ``/xpcs/qmap`` of a result file."""
    version: str | None
    """What its writer says of itself: ``0.4.5`` of pySimpleMask, ``1.0.0`` of XPCS Viewer."""
    ours: bool
    """Whether :func:`~xpcs_mask_bluesky.write_qmap` wrote it."""
    mask: NDArray[np.bool_]
    """True = counted, as the file has it; label maps may count fewer."""
    blemish: NDArray[np.bool_] | None
    """The detector's own mask, True = good."""
    dynamic_roi_map: NDArray[np.unsignedinteger]
    static_roi_map: NDArray[np.unsignedinteger]
    dynamic: ForeignBins
    static: ForeignBins
    map_names: tuple[str, str] | None
    map_units: tuple[str, str] | None
    beam_center_x: float | None
    """Column of the direct beam in px, with the shift by a swing."""
    beam_center_y: float | None
    pixel_size: float | None
    """As the file has it: in m of pySimpleMask, in mm of XPCS Viewer."""
    detector_distance: float | None
    """As the file has it: in m of pySimpleMask, in mm of XPCS Viewer."""
    energy: float | None
    """In keV."""
    source_file: str | None
    hash: str | None
    intact: bool | None
    """Whether the content is that of its hash; None without one."""
    missing: tuple[str, ...]
    """What the file does not tell."""
    repairs: tuple[str, ...]
    """What was wrong, and what was made of it."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.mask.shape[0], self.mask.shape[1]

    def file_mask(self) -> FileMask:
        """Return the mask as an operation."""
        return FileMask.from_array(self.mask, source=self.source)

    def blemish_operation(self) -> Blemish:
        """Return the detector's own mask as an operation.

        Raises:
            ValueError: If the file has none.
        """
        if self.blemish is None:
            raise ValueError(f"{self.source} holds no blemish; its mask is file_mask()")
        return Blemish.from_array(self.blemish, source=self.source)

    def geometry(
        self,
        *,
        swing_angle_horizontal: float,
        swing_angle_vertical: float,
        lengths: Literal["m", "mm"] | None = None,
        **told: float,
    ) -> GeometryRecord:
        """Return the geometry, completed by what the file does not tell.

        The centre is brought to zero swing: for files of others by the shift that pySimpleMask applies,
        ``D tan(angle)`` along each direction; that is not exact where both angles differ from 0.

        Args:
            swing_angle_horizontal: In degrees; no such file holds it, but its centre includes the shift.
            swing_angle_vertical: In degrees.
            lengths: Unit of ``pixel_size`` and ``detector_distance``, where the file leaves it open.
            told: Other fields of a geometry, such as ``incident_angle=``.

        Raises:
            ValueError: If the file lacks a number, or its unit of length cannot be known.
        """
        angles = {
            "swing_angle_horizontal": swing_angle_horizontal,
            "swing_angle_vertical": swing_angle_vertical,
        }
        return foreign_geometry(self, lengths, angles | told)

    def recipe(
        self, record: GeometryRecord, *, phi_offset: float = 0.0, symmetry_fold: int = 1
    ) -> PartitionRecipe:
        """Return a recipe whose edges give every pixel of the file its labels; such files hold no edges.

        Args:
            record: The geometry.
            phi_offset: That the partition was made with; no such file holds it.
            symmetry_fold: That the partition was made with.

        Raises:
            ValueError: If none was found: equal bins, linear or logarithmic, between limits that follow from
                the centres or from the counted pixels, are all that is tried.
        """
        return foreign_recipe(self, record, phi_offset=phi_offset, symmetry_fold=symmetry_fold)

    def partition(self, record: GeometryRecord, recipe: PartitionRecipe) -> Partition:
        """Return the partition by a recipe that :meth:`recipe` gave.

        Raises:
            ValueError: If a pixel gets another label than the file's.
        """
        made = partition(q_map(record), self.mask, recipe, self.blemish)
        for name in ("dynamic_roi_map", "static_roi_map"):
            if off := int(np.count_nonzero(getattr(made, name) != getattr(self, name))):
                raise ValueError(f"{off} pixels of {name} get other labels than {self.source} has")
        return made


def read_foreign_qmap(path: str | os.PathLike[str]) -> ForeignQmap:
    """Return what pySimpleMask, XPCS Viewer or 8-ID wrote into ``/qmap`` or ``/xpcs/qmap``.

    The file is read in a process of its own, within bounds of memory and time. Files of our own are read too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no such group, is damaged or too large, refers to other files, or is wrong in
            a way that has no certain repair.
    """
    name = Path(path).name
    groups = read_isolated(path, GROUPS)
    for group in GROUPS:
        if group in groups:
            try:
                return foreign_qmap(groups[group], source=name, group=group)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    raise ValueError(
        f"{name} has no {' or '.join(GROUPS)}; is it a mask or an image? read_mask(…, dataset=) reads those"
    )


def foreign_qmap(content: Content, *, source: str, group: str) -> ForeignQmap:
    """Return what a group's content tells; see :func:`read_foreign_qmap`."""
    labels = repaired_labels(content)
    pairs = {name: _pair_of_texts(content, name) for name in ("map_names", "map_units")}
    scalars = {name: _finite(content, name) for name in FIELDS}
    source_file, given = content.datasets.get("source_file"), content.text("hash")
    source_file = source_file if isinstance(source_file, str) else None
    intact = hash_matches(content)
    found = {
        **pairs,
        **scalars,
        "source_file": source_file,
        "hash": given,
        "version": content.text("version"),
    }
    missing = [*labels.missing, *(name for name, value in found.items() if value is None), *NEVER_TOLD]
    repairs = list(labels.repairs)
    if intact is False:
        repairs.append("its hash is not that of its content: it was changed after it was written")
    return ForeignQmap(
        source=source,
        group=group,
        version=content.text("version"),
        ours=content.text("partition_digest") is not None,
        mask=labels.mask,
        blemish=labels.blemish,
        dynamic_roi_map=labels.maps["dynamic"],
        static_roi_map=labels.maps["static"],
        dynamic=_bins(labels, "dynamic"),
        static=_bins(labels, "static"),
        source_file=source_file,
        hash=given,
        intact=intact,
        missing=tuple(missing),
        repairs=tuple(repairs),
        map_names=pairs["map_names"],
        map_units=pairs["map_units"],
        **scalars,
    )


def _bins(labels: Labels, prefix: str) -> ForeignBins:
    return ForeignBins(
        num_pts=labels.num_pts[prefix], centers=labels.centers[prefix], index_mapping=labels.mappings[prefix]
    )


def _pair_of_texts(content: Content, name: str) -> tuple[str, str] | None:
    value = content.datasets.get(name)
    if value is None:
        return None
    if not isinstance(value, tuple) or len(value) != 2:
        raise ValueError(f"{name} is {described(value)}; expected two texts")
    return value[0], value[1]


def _finite(content: Content, name: str) -> float | None:
    """Return a number; None if there is none, or if it is NaN, as for a beam that meets no pixel plane."""
    value = content.datasets.get(name)
    if value is None:
        return None
    if isinstance(value, (str, tuple)) or np.size(value) != 1:
        raise ValueError(f"{name} is {described(value)}; expected one number")
    number = float(np.ravel(value)[0])
    return number if np.isfinite(number) else None
