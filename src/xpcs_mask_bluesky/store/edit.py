"""An edit of a mask or blemish: staged in a ``with`` block, or committed call by call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.masks import Operation, operation_from_json
from xpcs_mask_bluesky.store.admission import admit, with_image
from xpcs_mask_bluesky.store.errors import Conflict
from xpcs_mask_bluesky.store.images import Statistic
from xpcs_mask_bluesky.store.log import Draft, LogEntry
from xpcs_mask_bluesky.store.rebase import rebased
from xpcs_mask_bluesky.store.state import Layer, RawHistory, state_digest
from xpcs_mask_bluesky.store.tools import DrawingTools
from xpcs_mask_bluesky.store.value_tools import ValueTools
from xpcs_mask_bluesky.store.what_is_left import raster_after
from xpcs_mask_bluesky.store.words import describe_action

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.detector import DetectorNode

REBASES = 100
"""Times that a rebase is tried while others keep committing."""


@dataclass
class _Staged:
    """What an edit is about to commit, and what it builds on."""

    base: RawHistory = field(default_factory=RawHistory)
    history: RawHistory = field(default_factory=RawHistory)
    seq: int = 0
    parent: int = 0
    actions: list[dict[str, Any]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def act(self, action: dict[str, Any]) -> None:
        before, self.history = self.history, self.history.act(action, dict)
        self.actions.append(action)
        self.words.append(describe_action(action, before))


class Edit(DrawingTools, ValueTools):
    """Operations on one layer of a detector; made by :meth:`XPCSDetector.edit`.

    Within ``with`` the calls are staged and committed together on leaving; an exception commits
    nothing. Without ``with`` each call commits at once. An operation that somebody else's commit got in
    the way of raises :class:`~xpcs_mask_bluesky.Conflict`; :meth:`rebase` puts it on top.
    """

    def __init__(self, detector: DetectorNode, *, author: str, layer: Layer, reason: str) -> None:
        self._detector = detector
        self._author, self._layer, self._reason = author, layer, reason
        self._staging = False
        self._staged: _Staged | None = None
        self._refused: _Staged | None = None

    def __enter__(self) -> Edit:
        self._staged, self._staging = self._begin(), True
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        staged, self._staged, self._staging = self._staged, None, False
        if kind is None and staged is not None and staged.actions:
            self._commit(staged)

    def apply(
        self, operation: Operation, *, image: np.ndarray | None = None, statistic: Statistic = "mean"
    ) -> None:
        """Add any operation.

        Args:
            operation: What to add.
            image: For one that looks at an image, ``(rows, columns)``.
            statistic: Of the frames of the last run, where no image is given or recorded.

        Raises:
            LookupError: it needs an image, and no run has frames of this detector.
            ValueError: it does not fit the detector.
        """
        self._put({"action": "apply"}, operation, image, statistic)

    def replace(self, index: int, operation: Operation, *, image: np.ndarray | None = None) -> None:
        """Put ``operation`` in the place of number ``index``; the ones after it stay."""
        self._put({"action": "replace", "index": index}, operation, image, "mean")

    def disable(self, index: int) -> None:
        """Let operation number ``index`` no longer count."""
        self._act({"action": "disable", "index": index})

    def enable(self, index: int) -> None:
        """Let operation number ``index`` count again."""
        self._act({"action": "enable", "index": index})

    def undo(self) -> None:
        """Go one state back; ``LookupError`` at the default layer."""
        self._act({"action": "undo"})

    def redo(self) -> None:
        """Go one state ahead; ``LookupError`` at the last."""
        self._act({"action": "redo"})

    def reset(self) -> None:
        """Go back to the default layer; redo returns."""
        self._act({"action": "reset"})

    def label(self, name: str) -> None:
        """Name the state in force; :meth:`branch` finds it again.

        Raises:
            ValueError: another state has that name.
        """
        self._act({"action": "label", "label": name})

    def branch(self, at: str | int) -> None:
        """Go on from a labelled state, or from one by its number in :attr:`history`.

        Raises:
            LookupError: there is no such state.
        """
        self._act({"action": "branch", ("state" if isinstance(at, int) else "label"): at})

    def rebase(self) -> None:
        """Commit what a conflict refused, on top of what the other one did; neither loses anything.

        Raises:
            Conflict: it would take back or change what the other one did; nothing was stored.
            LookupError: no conflict refused anything.
        """
        refused = self._refused
        if refused is None:
            raise LookupError("nothing to rebase: the last edit met no conflict")
        for _ in range(REBASES - 1):
            try:
                return self._commit(self._on_top(refused))
            except Conflict as conflict:
                if conflict.entry is None:
                    raise
        return self._commit(self._on_top(refused))

    @property
    def history(self) -> History[Operation]:
        """The states, with a pointer at the one in force; staged ones included. It prints as a strip."""
        return self._now().history.map(operation_from_json)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The operations in force here, staged ones included."""
        return self.history.operations

    def __repr__(self) -> str:
        lines = [
            f"{number}: {each.operation.describe()}{'' if each.enabled else '  (disabled)'}"
            for number, each in enumerate(self.history.entries)
        ]
        return "\n".join([f"<Edit of the {self._layer} of {self._detector.name}>", *lines])

    def _now(self) -> _Staged:
        return self._staged or self._begin()

    def _begin(self) -> _Staged:
        state = self._detector.state.latest()
        history = state.layers[self._layer]
        return _Staged(history, history, state.seq, state.heads.get(self._layer, 0))

    def _put(
        self, action: dict[str, Any], operation: Operation, image: np.ndarray | None, statistic: Statistic
    ) -> None:
        operation, arrays = with_image(self._detector, operation, image, statistic)

        def array(digest: str) -> np.ndarray:
            return arrays[digest] if digest in arrays else self._detector.blobs.get(digest)

        admit(self._detector, operation, array)
        self._act({**action, "operation": operation.model_dump(mode="json")}, arrays)

    def _act(self, action: dict[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
        staged = self._now()
        staged.act(action)
        staged.arrays.update(arrays or {})
        self._refused = None
        if not self._staging:
            self._commit(staged)

    def _on_top(self, refused: _Staged) -> _Staged:
        """Return what was refused, staged on the newest state."""
        now = self._begin()
        try:
            history = rebased(refused.base, now.history, refused.actions)
        except LookupError as error:
            raise Conflict(
                f"this cannot go on top of entry {now.parent}: {error}; look, and edit again"
            ) from error
        return _Staged(
            now.history, history, now.seq, now.parent, refused.actions, refused.words, refused.arrays
        )

    def _commit(self, staged: _Staged) -> None:
        detector = self._detector
        for array in staged.arrays.values():
            detector.blobs.put(array)
        words = "; ".join(staged.words)
        raster = raster_after(detector, staged.base, staged.history, staged.actions, words)
        body = {
            "actions": [dict(action) for action in staged.actions],
            "words": words,
            "state": state_digest(staged.history),
            "raster": raster,
        }
        draft = Draft(
            kind=self._layer,
            author=self._author,
            principal=detector.principal,
            reason=self._reason,
            parent=staged.parent,
            body={key: value for key, value in body.items() if value is not None},
        )
        try:
            entry = detector.commits.append(draft, since=staged.seq, conflicts=self._is_ours)
        except Conflict as conflict:
            self._refused = staged
            conflict.offers(self.rebase)
            raise
        self._refused = None
        detector.state.took(entry)

    def _is_ours(self, entry: LogEntry) -> bool:
        return entry.kind == self._layer
