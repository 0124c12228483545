"""MaskAssemble: layers, their composite, its history, and who is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from xpcs_mask_bluesky.history import Entry, History
from xpcs_mask_bluesky.masks import Layer, Operation, operation_from_json
from xpcs_mask_bluesky.simplemask.exports import Exports
from xpcs_mask_bluesky.simplemask.layers import (
    MaskArray,
    MaskBase,
    MaskFile,
    MaskList,
    MaskParameter,
    MaskThreshold,
    Shape,
    raster,
)


@dataclass(frozen=True)
class Step:
    """What one ``apply`` added: the operations of a layer."""

    key: str
    operations: tuple[Operation, ...]

    def describe(self) -> str:
        """Return one line for people."""
        return f"{self.key}: " + "; ".join(each.describe() for each in self.operations)


class MaskAssemble(Exports):
    """A mask in layers with undo and redo, by the names of XPCS Viewer.

    The mask is the AND of the layers default (``mask_blemish``), threshold (``mask_threshold``), parameter
    (``mask_parameter``, ``mask_file``, ``mask_list``, ``mask_outlier``) and drawing (``mask_draw``). What is
    kept are the operations; the arrays follow from them, also when the Q-map changes.

    Args:
        shape: Rows and columns of the detector.
        saxs_lin: Image for thresholds, ``(rows, columns)``.
        qmap: For constraints: a dictionary of :func:`compute_qmap`, or a :class:`~xpcs_mask_bluesky.QMap`.

    Raises:
        ValueError: If the image has another shape.
    """

    mask_ptr_min = 0
    """The state of the default mask, which undo cannot pass: ``mask_record[mask_ptr_min]`` is that mask."""

    def __init__(
        self,
        shape: Shape,
        saxs_lin: np.ndarray | None = None,
        qmap: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self.shape = (int(shape[0]), int(shape[1]))
        self.saxs_lin = None if saxs_lin is None else _copied(saxs_lin, self.shape)
        self.qmap = qmap
        self.workers: dict[str, MaskBase] = {
            "mask_blemish": MaskFile(self.shape, blemish=True),
            "mask_threshold": MaskThreshold(self.shape),
            "mask_parameter": MaskParameter(self.shape),
            "mask_file": MaskFile(self.shape),
            "mask_list": MaskList(self.shape),
            "mask_outlier": MaskList(self.shape),
            "mask_draw": MaskArray(self.shape),
        }
        self.history: History[Step] = History()
        self._rasters: dict[tuple[Step, ...], np.ndarray] = {}
        self._drawings: list[Operation] = []

    def evaluate(self, target: str, **parameters: Any) -> str:
        """Give a layer its parameters, and return in one line what it masks; ``apply`` makes it count.

        Args:
            target: ``"mask_threshold"``, ``"mask_draw"``, …
            parameters: ``mask_threshold``: ``low``, ``high``, ``low_enable``, ``high_enable``;
                ``mask_parameter``: ``constraints``, each ``(map, "AND" or "OR", unit, from, to)``;
                ``mask_blemish``, ``mask_file``: ``fname`` and ``key``, or ``arr``; ``mask_list``,
                ``mask_outlier``: ``zero_loc``, rows and columns; ``mask_draw``: ``arr``, or ``operation``.
                An ``arr`` is non-zero where it masks.

        Raises:
            ValueError: If there is no such layer, or a parameter is wrong; the layer stays as it was.
        """
        worker = self._worker(target)
        if own := {"saxs_lin", "qmap"} & set(parameters):
            raise ValueError(f"{target}: {', '.join(own)} is this mask's own; see update_qmap")
        worker.saxs_lin, worker.qmap = self.saxs_lin, self.qmap
        try:
            worker.evaluate(**parameters)
        except TypeError as error:
            raise ValueError(f"{target}: {error}; see MaskAssemble.evaluate for its parameters") from error
        return worker.describe()

    def apply(self, target: str | None = None) -> np.ndarray:
        """Make an evaluated layer count, as a new state, and return the mask: boolean, read-only.

        A layer that changes nothing makes no state; one of the default layer becomes part of all states.
        Without ``target`` nothing is applied.
        """
        if target is not None:
            worker = self._worker(target)
            step = Step(target, worker.operations)
            if worker.operations and worker.operations[0].layer is Layer.DEFAULT:
                self._as_default(step)
            elif worker.operations:
                self._push(step)
        return self.mask

    mask_apply = apply

    def mask_action(self, key: str, arr: np.ndarray | None = None, **parameters: Any) -> np.ndarray:
        """Push a new mask state, and return the mask: boolean, read-only.

        Args:
            key: A layer; or ``"undo"``, ``"redo"`` or ``"reset"``.
            arr: For layers that take an array: non-zero = masked.
            parameters: For other layers; see :meth:`evaluate`.
        """
        if key in {"undo", "redo", "reset"}:
            return self.redo_undo(key)
        given = parameters if arr is None else {"arr": arr, **parameters}
        self.evaluate(key, **given)
        return self.apply(key)

    def redo_undo(self, step: int | str = "redo") -> np.ndarray:
        """Move the pointer, no further than the first and the last state, and return the mask.

        Args:
            step: ``"undo"``, ``"redo"``, ``"reset"`` (to the default mask; redo returns), or a number of
                states: negative ones undo.

        Raises:
            ValueError: If it is none of these.
        """
        named = {"undo": -1, "redo": 1, "reset": self.mask_ptr_min - self.mask_ptr}
        if isinstance(step, str) and step not in named:
            raise ValueError(f"step is {step!r}; expected 'undo', 'redo', 'reset' or a number of states")
        by = named[step] if isinstance(step, str) else int(step)
        pointer = min(max(self.mask_ptr + by, self.mask_ptr_min), len(self.history.states) - 1)
        self.history = replace(self.history, pointer=pointer)
        return self.mask

    @property
    def mask_record(self) -> tuple[np.ndarray, ...]:
        """The mask in each state, from the default one on: boolean, read-only."""
        return tuple(self._in_state(number) for number in range(len(self.history.states)))

    @property
    def mask_ptr(self) -> int:
        """Which state counts."""
        return self.history.pointer

    @property
    def mask(self) -> np.ndarray:
        """The mask: boolean ``(rows, columns)``, True = counted, read-only."""
        return self._in_state(self.mask_ptr)

    @property
    def blemish(self) -> np.ndarray:
        """The default mask: boolean, read-only."""
        return self._in_state(self.mask_ptr_min)

    def get_mask(self) -> np.ndarray:
        """Return the mask as it is exported: int32, 1 = counted, 0 = masked; a copy of your own."""
        return self.mask.astype(np.int32)

    def get_one_mask(self, target: str) -> np.ndarray:
        """Return which pixels one evaluated layer counts by itself: boolean, read-only."""
        return raster(self._worker(target).operations, self.shape, self.qmap, self.saxs_lin)

    def update_qmap(self, qmap_all: Mapping[str, np.ndarray]) -> None:
        """Put another Q-map in force; constraints are evaluated anew in every state."""
        self.qmap = qmap_all
        self._rasters.clear()

    def add_drawing(
        self, sl_type: str, sl_mode: Literal["exclusive", "inclusive"] = "exclusive", **where: Any
    ) -> Operation:
        """Draw a shape, for :meth:`apply_drawing`; and return it.

        Args:
            sl_type: ``"Rectangle"``, ``"Circle"``, ``"Ellipse"``, ``"Polygon"`` or ``"Line"``.
            sl_mode: ``"exclusive"`` masks what is inside, ``"inclusive"`` what is outside all such shapes.
            where: The fields of that shape of ours, in px.

        Raises:
            ValueError: If there is no such shape, or a field is wrong.
        """
        drawing = operation_from_json({"kind": sl_type.lower(), "mode": sl_mode, **where})
        self._drawings.append(drawing)
        return drawing

    def apply_drawing(self) -> np.ndarray:
        """Return what the shapes of :meth:`add_drawing` count together, and forget them: boolean, read-only.

        Its inverse is what masks: ``evaluate("mask_draw", arr=~mask)``. An eraser cannot be told by an
        array of masked pixels: ``evaluate("mask_draw", operation=Eraser(shape=…))``.
        """
        kept = raster(self._drawings, self.shape, self.qmap, self.saxs_lin)
        self._drawings.clear()
        return kept

    def export_mask(self) -> np.ndarray:
        """Tell the mask in force to all that asked :meth:`on_mask`, and return it."""
        self.mask_exported(self.mask)
        return self.get_mask()

    def _worker(self, target: str) -> MaskBase:
        if target not in self.workers:
            raise ValueError(f"there is no layer {target!r}; expected one of {', '.join(self.workers)}")
        return self.workers[target]

    def _push(self, step: Step) -> None:
        """Add a state, if it masks other pixels than the one in force; that is what redo is lost to."""
        state = (*self.history.entries, Entry(step))
        kept = self.history.states[: self.mask_ptr + 1]
        pushed = replace(self.history, states=(*kept, state), pointer=len(kept))
        made = self._raster(pushed.operations)
        if np.array_equal(made, self.mask):
            return
        self.history = pushed
        self._rasters = {key: each for key, each in self._rasters.items() if key in self._in_record()}
        self._rasters[pushed.operations] = made

    def _as_default(self, step: Step) -> None:
        if step not in self.history.default:
            self.history = replace(self.history, default=(*self.history.default, step))
            self._rasters.clear()

    def _in_record(self) -> set[tuple[Step, ...]]:
        return {self._steps(number) for number in range(len(self.history.states))}

    def _steps(self, number: int) -> tuple[Step, ...]:
        return (*self.history.default, *(entry.operation for entry in self.history.states[number]))

    def _in_state(self, number: int) -> np.ndarray:
        steps = self._steps(number)
        if steps not in self._rasters:
            self._rasters[steps] = self._raster(steps)
        return self._rasters[steps]

    def _raster(self, steps: tuple[Step, ...]) -> np.ndarray:
        """Return the AND of all steps; what was drawn is one, so that an eraser sees what was before it."""
        drawn = tuple(each for step in steps if step.key == "mask_draw" for each in step.operations)
        good = raster(drawn, self.shape, self.qmap, self.saxs_lin)
        for step in steps:
            if step.key != "mask_draw":
                good = good & raster(step.operations, self.shape, self.qmap, self.saxs_lin)
        good.flags.writeable = False
        return good


def _copied(image: np.ndarray, shape: Shape) -> np.ndarray:
    copied = np.array(image)
    if copied.shape != shape:
        hint = "; is it transposed?" if copied.shape == shape[::-1] else ""
        raise ValueError(f"saxs_lin is {copied.shape}, the detector {shape} (rows, columns){hint}")
    copied.flags.writeable = False
    return copied
