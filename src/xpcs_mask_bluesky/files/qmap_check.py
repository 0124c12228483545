"""Whether a ``/qmap`` group is as every reader expects it: name, type, shape and meaning of each dataset."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.files.foreign_labels import crossing_bins
from xpcs_mask_bluesky.files.foreign_qmap import GROUPS
from xpcs_mask_bluesky.files.hdf5_content import described
from xpcs_mask_bluesky.files.isolated import read_isolated
from xpcs_mask_bluesky.files.peer_hash import hash_matches
from xpcs_mask_bluesky.files.qmap_hdf5 import partition_of
from xpcs_mask_bluesky.partitions.bins import smallest_unsigned

if TYPE_CHECKING:
    from xpcs_mask_bluesky.files.hdf5_content import Content
    from xpcs_mask_bluesky.partitions import Partition

PROVENANCE = "/provenance"
PREFIXES = ("dynamic", "static")
MAPS = ("mask", "blemish", "dynamic_roi_map", "static_roi_map")
SCALARS = ("beam_center_x", "beam_center_y", "pixel_size", "detector_distance", "energy")
TEXTS = {"map_names": 2, "map_units": 2, "source_file": None}
"""How many texts a dataset has; None: one that is no list."""
PER_PREFIX = ("num_pts", "index_mapping", "v_list_dim0", "v_list_dim1")
DATASETS = (*MAPS, *(f"{prefix}_{name}" for prefix in PREFIXES for name in PER_PREFIX), *SCALARS, *TEXTS)


@dataclass(frozen=True, eq=False, kw_only=True)
class QmapReport:
    """What was found in a file."""

    source: str
    group: str
    """``/qmap``, or ``/xpcs/qmap`` of a result file."""
    version: str | None
    hash_matches: bool | None
    """Whether the content is that of its hash; None without one."""
    problems: tuple[str, ...]
    """What is not as readers expect it; empty if all is well."""
    partition: Partition | None
    """The partition, of a file of ours that holds it undamaged."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_qmap_file(path: str | os.PathLike[str]) -> QmapReport:
    """Return what is right and wrong with a file's ``/qmap`` or ``/xpcs/qmap``, whoever wrote it.

    The file is read in a process of its own, within bounds of memory and time.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no HDF5 file, holds no such group, or cannot be read safely.
    """
    found = read_isolated(path, (*GROUPS, PROVENANCE))
    name = Path(path).name
    group = next((each for each in GROUPS if each in found), None)
    if group is None:
        raise ValueError(f"{name} has no {' or '.join(GROUPS)}")
    content, part, problems = found[group], None, []
    problems += problems_of(content)
    if PROVENANCE in found and group == GROUPS[0]:
        try:
            part = partition_of(content, found[PROVENANCE])
        except KeyError as error:
            problems.append(f"{PROVENANCE} or {group} lacks {error}")
        except ValueError as error:
            problems.append(str(error))
    return QmapReport(
        source=name,
        group=group,
        version=content.text("version"),
        hash_matches=hash_matches(content),
        problems=tuple(dict.fromkeys(problems)),
        partition=part,
    )


def problems_of(content: Content) -> list[str]:
    """Return what of a group is not as readers expect it, one line each."""
    missing = [name for name in DATASETS if name not in content.datasets]
    problems = [f"{name} is missing" for name in missing]
    problems += _types(content)
    if not problems:
        problems += [*_bins(content), *_pixels(content)]
    return [*problems, *_attributes(content)]


def _types(content: Content) -> Iterator[str]:
    shape = np.shape(content.datasets.get("dynamic_roi_map", ()))
    for name in (each for each in DATASETS if each in content.datasets):
        value = content.datasets[name]
        said = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else described(value)
        if name in TEXTS:
            expected, good = _text_rule(TEXTS[name], value)
        elif isinstance(value, (str, tuple)):
            expected, good = "numbers", False
        else:
            expected, good = _number_rule(name, np.asarray(value), shape)
        if not good:
            yield f"{name} is {said}; expected {expected}"


def _text_rule(count: int | None, value: Any) -> tuple[str, bool]:
    if count is None:
        return "a text", isinstance(value, str)
    return f"{count} texts", isinstance(value, tuple) and len(value) == count


def _number_rule(name: str, value: np.ndarray, shape: tuple[int, ...]) -> tuple[str, bool]:
    """Return what a dataset of numbers should be, and whether it is."""
    if name in ("mask", "blemish"):
        return f"bool {shape}", value.dtype == bool and value.shape == shape and value.ndim == 2
    if name in SCALARS:
        return "one float64", value.dtype == np.float64 and value.shape == ()
    if name.endswith("_num_pts"):
        return "int64 (2,), positive", value.dtype == np.int64 and value.shape == (2,) and bool(
            (value > 0).all()
        )
    if "_v_list_" in name:
        return "float64, one for each bin", value.dtype == np.float64 and value.ndim == 1
    return _label_rule(name, value, shape)


def _label_rule(name: str, value: np.ndarray, shape: tuple[int, ...]) -> tuple[str, bool]:
    if value.dtype.kind != "u" or not value.size:
        return "unsigned integers", False
    largest = int(value.max())
    fits = value.dtype == smallest_unsigned(largest)
    if name.endswith("_index_mapping"):
        return f"{smallest_unsigned(largest)}, one for each label", fits and value.ndim == 1
    expected = f"{smallest_unsigned(largest)} {shape}, labels up to the number of pixels at most"
    return expected, fits and value.shape == shape and value.ndim == 2 and largest <= value.size


def _bins(content: Content) -> Iterator[str]:
    """Check that numbers of bins, centres, labels and natural indices belong together."""
    for prefix in PREFIXES:
        numbers = content.datasets[f"{prefix}_num_pts"]
        for dimension in (0, 1):
            name = f"{prefix}_v_list_dim{dimension}"
            if len(content.datasets[name]) != numbers[dimension]:
                yield f"{name} has {len(content.datasets[name])} centres for {numbers[dimension]} bins"
        mapping = content.datasets[f"{prefix}_index_mapping"].astype(np.int64)
        counts = np.bincount(content.datasets[f"{prefix}_roi_map"].ravel())[1:]
        if not counts.all():
            yield f"{prefix}_roi_map has gaps: {int(np.count_nonzero(counts == 0))} labels without a pixel"
        if len(mapping) != len(counts):
            yield f"{prefix}_index_mapping has {len(mapping)} entries for {len(counts)} labels"
        if (np.diff(mapping) <= 0).any() or mapping[-1] >= int(numbers[0]) * int(numbers[1]):
            yield f"{prefix}_index_mapping does not increase strictly below the number of bins"


def _pixels(content: Content) -> Iterator[str]:
    """Check that mask, blemish and both maps agree about each pixel."""
    mask, blemish = (np.asarray(content.datasets[name]) for name in ("mask", "blemish"))
    for prefix in PREFIXES:
        if off := int(np.count_nonzero((content.datasets[f"{prefix}_roi_map"] > 0) != mask)):
            yield f"{prefix}_roi_map and mask disagree about {off} pixels"
    if bad := int(np.count_nonzero(mask & ~blemish)):
        yield f"mask counts {bad} pixels that blemish rejects"
    dynamic, static = (content.datasets[f"{prefix}_roi_map"][mask] for prefix in PREFIXES)
    if crossing := crossing_bins(dynamic, static):
        yield f"{crossing} static bins reach into several dynamic bins"


def _attributes(content: Content) -> Iterator[str]:
    given = content.text("hash")
    if given is None:
        yield "the attribute hash is missing; pyXpcsViewer refuses such a file"
    elif not re.fullmatch("[0-9a-f]{64}", given):
        yield f"the attribute hash is {given[:80]!r}; expected 64 hexadecimal characters"
    elif not hash_matches(content):
        yield "the hash is not that of the content: it was changed in place, and viewers show what it was"
    if content.text("version") is None:
        yield "the attribute version is missing"
    for prefix in PREFIXES:
        for dimension in (0, 1):
            yield from _marks(content, f"{prefix}_v_list_dim{dimension}", dimension)


def _marks(content: Content, name: str, dimension: int) -> Iterator[str]:
    marks = content.marks.get(name, {})
    wanted = {"size": str(np.size(content.datasets.get(name, ())))}
    for key, dataset in (("name", "map_names"), ("unit", "map_units")):
        texts = content.datasets.get(dataset)
        if isinstance(texts, tuple) and len(texts) == 2:
            wanted[key] = texts[dimension]
    for key, value in wanted.items():
        if str(marks.get(key)) != value:
            yield f"{name} has the attribute {key}={str(marks.get(key))[:60]!r}; expected {value!r}"
