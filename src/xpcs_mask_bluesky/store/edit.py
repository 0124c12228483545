"""An edit of a mask or blemish: staged in a ``with`` block, or committed call by call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.digests import array_digest
from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import (
    Blemish,
    Circle,
    Constraint,
    ImageReference,
    Operation,
    Pixels,
    Rectangle,
    Threshold,
    evaluate,
    operation_from_json,
)
from xpcs_mask_bluesky.store.images import FrameSource, mean_of_last_run
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.state import Layer, RawHistory, State, state_digest

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode


class Edit:
    """Operations on one layer of a detector; made by :meth:`XPCSDetector.edit`.

    Within ``with`` the calls are staged and committed together on leaving; an exception commits
    nothing. Without ``with`` each call commits at once.
    """

    def __init__(self, detector: DetectorNode, *, author: str, layer: Layer, reason: str) -> None:
        self._detector = detector
        self._author, self._layer, self._reason = author, layer, reason
        self._staging = False
        self._actions: list[dict[str, Any]] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._base: State | None = None
        self._history: RawHistory = History()
        self._seq = self._parent = 0

    def __enter__(self) -> Edit:
        self._begin()
        self._staging = True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._staging = False
        if kind is None and self._actions:
            self._commit()
        self._actions.clear()
        self._arrays.clear()

    def rectangle(
        self, *, row: float, column: float, height: float, width: float, angle: float = 0.0
    ) -> None:
        """Reject the pixels in a rectangle (px, degrees) centred on ``(row, column)``."""
        self.apply(Rectangle(row=row, column=column, height=height, width=width, angle=angle))

    def circle(self, *, row: float, column: float, radius: float) -> None:
        """Reject the pixels closer than ``radius`` px to ``(row, column)``."""
        self.apply(Circle(row=row, column=column, radius=radius))

    def constraint(
        self,
        axis: str,
        *,
        lower: float | None = None,
        upper: float | None = None,
        logic: str = "AND",
    ) -> None:
        """Keep the pixels with ``lower <= axis <= upper``, in the unit of the Q-map's axis."""
        content = {
            "kind": "constraint",
            "axis": axis,
            "lower": lower,
            "upper": upper,
            "logic": logic,
        }
        self.apply(operation_from_json(content))

    def pixels(self, pixels: Iterable[tuple[int, int]]) -> None:
        """Reject the listed pixels, each ``(row, column)``."""
        self.apply(Pixels(pixels=tuple((int(row), int(column)) for row, column in pixels)))

    def threshold(
        self,
        *,
        low: float | None = None,
        high: float | None = None,
        image: np.ndarray | None = None,
    ) -> None:
        """Keep the pixels with ``low <= image < high``.

        Args:
            low: In counts.
            high: In counts.
            image: ``(rows, columns)``; by default the mean of all frames of the last run.

        Raises:
            LookupError: no image was given, and no run has frames of this detector.
            ValueError: the image has another shape.
        """
        if image is None:
            found = mean_of_last_run(self._detector)
            image, source = found.image, found
        else:
            image, source = np.asarray(image), FrameSource(image=np.asarray(image))
        self._detector.check_shape(image.shape, "the threshold's image")
        reference = ImageReference(
            digest=array_digest(image), run=source.run, stream=source.stream, frames=source.frames
        )
        self._arrays[reference.digest] = image
        self.apply(Threshold(low=low, high=high, image=reference))

    def blemish(self, array: np.ndarray, *, source: str = "") -> None:
        """Keep only a detector mask's good pixels: boolean ``(rows, columns)``, True = good."""
        self._detector.check_shape(array.shape, "blemish")
        operation = Blemish.from_array(array, source=source)
        self._arrays[operation.digest] = array
        self.apply(operation)

    def apply(self, operation: Operation) -> None:
        """Add any operation.

        Raises:
            ValueError: it does not fit the detector.
        """
        self._check(operation)
        self._act({"action": "apply", "operation": operation.model_dump(mode="json")})

    def replace(self, index: int, operation: Operation) -> None:
        """Put ``operation`` in the place of number ``index``; the ones after it stay."""
        self._check(operation)
        content = operation.model_dump(mode="json")
        self._act({"action": "replace", "operation": content, "index": index})

    def disable(self, index: int) -> None:
        """Let operation number ``index`` no longer count."""
        self._act({"action": "disable", "index": index})

    def undo(self) -> None:
        """Go one state back; ``LookupError`` at the first."""
        self._act({"action": "undo"})

    def redo(self) -> None:
        """Go one state ahead; ``LookupError`` at the last."""
        self._act({"action": "redo"})

    def reset(self) -> None:
        """Go back to the first state; redo returns."""
        self._act({"action": "reset"})

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations in force here, staged ones included."""
        if not self._staging:
            self._begin()
        return tuple(operation_from_json(each) for each in self._history.operations)

    def __repr__(self) -> str:
        lines = [f"{number}: {each.describe()}" for number, each in enumerate(self.operations)]
        return "\n".join([f"<Edit of the {self._layer} of {self._detector.name}>", *lines])

    def _begin(self) -> None:
        state = self._detector.state.latest()
        self._history = state.layers[self._layer]
        self._seq, self._parent = state.seq, state.heads.get(self._layer, 0)

    def _check(self, operation: Operation) -> None:
        """Refuse here what could not be evaluated later."""
        shape = self._detector.shape
        if isinstance(operation, Constraint):
            from xpcs_mask_bluesky.qmap import UNITS

            if operation.axis not in UNITS:
                raise ValueError(f"constraint on {operation.axis!r}; expected one of {', '.join(UNITS)}")
            return
        evaluate((operation,), shape=shape, arrays=self._array)

    def _array(self, digest: str) -> np.ndarray:
        return self._arrays[digest] if digest in self._arrays else self._detector.blobs.get(digest)

    def _act(self, action: dict[str, Any]) -> None:
        if not self._staging:
            self._begin()
        self._history = self._history.act(action, dict)
        self._actions.append(action)
        if not self._staging:
            try:
                self._commit()
            finally:
                self._actions.clear()
                self._arrays.clear()

    def _commit(self) -> None:
        for array in self._arrays.values():
            self._detector.blobs.put(array)
        draft = Draft(
            kind=self._layer,
            author=self._author,
            principal=self._detector.principal,
            reason=self._reason,
            parent=self._parent,
            body={
                "actions": [dict(action) for action in self._actions],
                "words": "; ".join(describe_action(action) for action in self._actions),
                "state": state_digest(self._history),
            },
        )
        entry = self._detector.commits.append(draft, since=self._seq, conflicts=self._is_ours)
        self._detector.state.took(entry)

    def _is_ours(self, entry: LogEntry) -> bool:
        return entry.kind == self._layer


def describe_action(action: Mapping[str, Any]) -> str:
    """Return an action of a log in words."""
    operation = action.get("operation")
    words = "" if operation is None else operation_from_json(operation).describe()
    match action["action"]:
        case "apply":
            return words
        case "replace":
            return f"operation {action['index']} is now {words}"
        case "disable":
            return f"operation {action['index']} no longer counts"
        case other:
            return str(other)
