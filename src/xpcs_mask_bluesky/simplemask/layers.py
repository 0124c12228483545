"""The layers of a mask: each turns the viewer's parameters into operations of ours, and evaluates them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from xpcs_mask_bluesky import units
from xpcs_mask_bluesky.masks import (
    Blemish,
    Constraint,
    DrawnMask,
    FileMask,
    Layer,
    Operation,
    Pixels,
    Threshold,
    evaluate,
)
from xpcs_mask_bluesky.simplemask.qmaps import AXIS_IN_REFLECTION, AXIS_OF, UNITS

if TYPE_CHECKING:
    from xpcs_mask_bluesky.qmap import QMap

Shape = tuple[int, int]
Constraints = Sequence[tuple[str, str, str, float, float]]


class NamedMaps(Mapping[str, np.ndarray]):
    """A dictionary of :func:`compute_qmap` under the names of our axes, as an operation asks for them."""

    def __init__(self, maps: Mapping[str, np.ndarray], shape: Shape) -> None:
        self._maps, self.shape = {axis_of(name, maps): each for name, each in maps.items()}, shape
        for name, each in maps.items():
            if each.shape != shape:
                raise ValueError(f"map {name!r} is {each.shape}, the detector {shape} (rows, columns)")

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the maps."""
        return tuple(self._maps)

    @property
    def record(self) -> Any:
        """Raise ``ValueError``: a dictionary of maps does not say where the beam is."""
        raise ValueError('this mask has maps, but no geometry; give shapes in frame="pixel"')

    def __getitem__(self, axis: str) -> np.ndarray:
        return self._maps[axis]

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)


def axis_of(name: str, maps: Mapping[str, np.ndarray]) -> str:
    """Return our axis of a map of the viewer's; of maps that are not the viewer's, its name."""
    if "sqmap" not in maps:
        return name
    return (AXIS_IN_REFLECTION if "qz" in maps else AXIS_OF).get(name, name)


class MaskBase:
    """One layer of a mask, of a detector of ``shape`` (rows, columns)."""

    mtype: ClassVar[str] = "base"

    def __init__(self, shape: Shape) -> None:
        self.shape = (int(shape[0]), int(shape[1]))
        self.operations: tuple[Operation, ...] = ()
        self.saxs_lin: np.ndarray | None = None
        self.qmap: Mapping[str, np.ndarray] | None = None

    def evaluate(self, **parameters: Any) -> np.ndarray:
        """Take the layer's parameters, and return which pixels it counts: boolean, read-only.

        Raises:
            ValueError: If a parameter is wrong; the layer stays as it was.
        """
        before = self.operations, self.saxs_lin, self.qmap
        try:
            self.operations = tuple(self._operations(**parameters))
            return self.get_mask()
        except (ValueError, TypeError, OSError):
            self.operations, self.saxs_lin, self.qmap = before
            raise

    def get_mask(self) -> np.ndarray:
        """Return which pixels this layer counts: boolean, read-only; all before it was evaluated."""
        return raster(self.operations, self.shape, self.qmap, self.saxs_lin)

    def describe(self) -> str:
        """Return one line: how many pixels this layer masks."""
        if not self.operations:
            return f"{self.mtype}: nothing is masked"
        mask = self.get_mask()
        bad = mask.size - int(np.count_nonzero(mask))
        return f"{self.mtype}: {bad} of {mask.size} pixels are masked ({100 * bad / mask.size:.3f} %)"

    def _operations(self, *_: Any, **parameters: Any) -> Sequence[Operation]:
        raise ValueError(f"a {type(self).__name__} has no parameters; got {', '.join(parameters) or 'none'}")


def raster(
    operations: Sequence[Operation],
    shape: Shape,
    qmap: Mapping[str, np.ndarray] | None,
    image: np.ndarray | None,
) -> np.ndarray:
    """Return which pixels operations count: boolean, read-only."""
    named = NamedMaps(qmap, shape) if isinstance(qmap, dict) else qmap
    return np.asarray(evaluate(operations, shape=shape, qmap=cast("QMap | None", named), image=image))


class MaskFile(MaskBase):
    """A mask from an HDF5 file or an array: what is 0 or less there is masked.

    Args:
        shape: Rows and columns of the detector.
        blemish: Whether it is the detector's own mask, of the default layer.
    """

    mtype = "file"

    def __init__(self, shape: Shape, *, blemish: bool = False) -> None:
        super().__init__(shape)
        self._kind = Blemish if blemish else FileMask

    def _operations(
        self, fname: str | Path | None = None, key: str = "mask", arr: np.ndarray | None = None
    ) -> Sequence[Operation]:
        if (fname is None) == (arr is None):
            raise ValueError("a mask comes from fname= (HDF5, with key=), or from arr= (non-zero = masked)")
        if arr is not None:
            return (self._kind.from_array(_kept(arr, self.shape), source="array"),)
        kept = _fitting(_read(Path(cast("str", fname)), key), self.shape, f"{key!r} of {fname}") > 0
        return (self._kind.from_array(kept, source=f"{Path(cast('str', fname)).name}:{key}"),)


class MaskThreshold(MaskBase):
    """Pixels with ``low <= saxs_lin < high`` are kept."""

    mtype = "threshold"

    def _operations(
        self,
        saxs_lin: np.ndarray | None = None,
        low: float | None = None,
        high: float | None = None,
        low_enable: bool = True,
        high_enable: bool = True,
    ) -> Sequence[Operation]:
        if saxs_lin is not None:
            self.saxs_lin = _fitting(np.asarray(saxs_lin), self.shape, "saxs_lin")
        if self.saxs_lin is None:
            raise ValueError("a threshold needs the image: saxs_lin=, (rows, columns)")
        return (Threshold(low=low if low_enable else None, high=high if high_enable else None),)


class MaskParameter(MaskBase):
    """Pixels that meet constraints on the Q-map are kept; the first one starts, so that OR may come first."""

    mtype = "parameter"

    def _operations(
        self, qmap: Mapping[str, np.ndarray] | None = None, constraints: Constraints | None = None
    ) -> Sequence[Operation]:
        maps = self.qmap if qmap is None else qmap
        if maps is None or not constraints:
            raise ValueError("a parameter mask needs qmap= and constraints=[(map, logic, unit, from, to), …]")
        self.qmap = maps
        return [_constraint(each, maps) for each in constraints]


class MaskList(MaskBase):
    """Single pixels are masked."""

    mtype = "list"

    def _operations(self, zero_loc: Any = None) -> Sequence[Operation]:
        places = np.empty((0, 0)) if zero_loc is None else np.asarray(zero_loc)
        if places.ndim != 2 or len(places) != 2 or places.size == 0:
            raise ValueError(f"zero_loc is {places.shape}; expected (2, n): the rows, and the columns")
        return (Pixels(pixels=tuple(zip(*places.tolist(), strict=True))),)


class MaskArray(MaskBase):
    """What is drawn: an array (non-zero = masked), or a drawing operation of this package."""

    mtype = "drawing"

    def _operations(
        self, arr: np.ndarray | None = None, operation: Operation | None = None
    ) -> Sequence[Operation]:
        if (arr is None) == (operation is None):
            raise ValueError("a drawing is arr= (non-zero = masked), or operation= (Circle(…), Eraser(…), …)")
        if operation is None:
            return (DrawnMask.from_array(_kept(cast("np.ndarray", arr), self.shape), source="drawing"),)
        if operation.layer is not Layer.DRAWING:
            raise ValueError(f"{operation.describe()} is not drawn; evaluate it under another key")
        return (operation,)


def _constraint(given: tuple[str, str, str, float, float], maps: Mapping[str, np.ndarray]) -> Constraint:
    name, logic, unit, lower, upper = given
    if name not in maps:
        raise ValueError(f"constraint on {name!r}; this Q-map has {', '.join(maps)}")
    expected = UNITS.get(name)
    if expected is not None and not (unit and units.same_unit(unit, expected)):
        raise ValueError(f"constraint on {name}: its unit is {unit!r}, but the map is in {expected}")
    return Constraint.model_validate(
        {"axis": axis_of(name, maps), "logic": logic, "lower": lower, "upper": upper}
    )


def _kept(arr: np.ndarray, shape: Shape) -> np.ndarray:
    return _fitting(np.asarray(arr), shape, "arr") == 0


def _fitting(array: np.ndarray, shape: Shape, what: str) -> np.ndarray:
    if array.shape != shape:
        hint = "; is it transposed?" if array.shape == shape[::-1] else ""
        raise ValueError(f"{what} is {array.shape}, the detector {shape} (rows, columns){hint}")
    return array


def _read(path: Path, key: str) -> np.ndarray:
    import h5py

    if not h5py.is_hdf5(path):
        if not path.exists():
            raise FileNotFoundError(f"there is no file {path}")
        raise ValueError(f"{path} is no HDF5 file; xpcs_mask_bluesky.read_mask reads other formats, for arr=")
    with h5py.File(path) as file:
        found = file.get(key)
        if not isinstance(found, h5py.Dataset):
            raise ValueError(f"{path} has no dataset {key!r}; at its top is: {', '.join(file) or 'nothing'}")
        return np.asarray(found)
