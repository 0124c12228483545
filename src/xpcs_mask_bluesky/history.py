"""Undo and redo as a value: a pointer into a tuple of states.

A state is a tuple of entries, each an operation and whether it counts. Every change pushes a state and
drops the states after the pointer; undo and redo only move the pointer. The default layer is the first
state: undo stops there, and nothing edits its operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One operation of a state, and whether it counts."""

    operation: T
    enabled: bool = True


State = tuple[Entry[T], ...]


@dataclass(frozen=True)
class History(Generic[T]):
    """The default operations, the states made from them, and which of these is in force.

    Args:
        default: Operations that undo and reset never remove.
    """

    default: tuple[T, ...] = ()
    states: tuple[State[T], ...] = ((),)
    """Each the entries after the default ones; the first is the default layer alone."""
    pointer: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.pointer < len(self.states):
            raise ValueError(f"pointer is {self.pointer}; expected 0 to {len(self.states) - 1}")

    @property
    def entries(self) -> State[T]:
        """The state in force, without the default layer."""
        return self.states[self.pointer]

    @property
    def operations(self) -> tuple[T, ...]:
        """The operations that count now, in order: the default ones, then the enabled ones."""
        return (*self.default, *(entry.operation for entry in self.entries if entry.enabled))

    def apply(self, operation: T) -> History[T]:
        """Return the history with ``operation`` appended, and nothing left to redo."""
        return self._push((*self.entries, Entry(operation)))

    def undo(self) -> History[T]:
        """Return the history one state back.

        Raises:
            LookupError: If only the default layer is left.
        """
        if self.pointer == 0:
            raise LookupError("nothing to undo: this is the default layer")
        return replace(self, pointer=self.pointer - 1)

    def redo(self) -> History[T]:
        """Return the history one state ahead.

        Raises:
            LookupError: If nothing was undone since the last change.
        """
        if self.pointer == len(self.states) - 1:
            raise LookupError("nothing to redo: nothing was undone since the last change")
        return replace(self, pointer=self.pointer + 1)

    def reset(self) -> History[T]:
        """Return the history at its default layer; redo walks back through the states."""
        return replace(self, pointer=0)

    def disable(self, index: int) -> History[T]:
        """Return the history with operation ``index`` (after the default ones) no longer counted.

        Raises:
            LookupError: If there is no such operation.
        """
        return self._edit(index, replace(self._entry(index), enabled=False))

    def replace(self, index: int, operation: T) -> History[T]:
        """Return the history with another operation in the place of ``index``; the rest follows.

        Raises:
            LookupError: If there is no such operation.
        """
        return self._edit(index, replace(self._entry(index), operation=operation))

    @classmethod
    def from_log(
        cls,
        actions: Iterable[Mapping[str, Any]],
        decode: Callable[[Any], T],
        *,
        default: tuple[T, ...] = (),
    ) -> History[T]:
        """Return the history that a log of actions tells; a pure fold.

        Args:
            actions: Mappings with ``action`` (``apply``, ``undo``, ``redo``, ``reset``, ``disable`` or
                ``replace``) and, where the action needs them, ``operation`` and ``index``.
            decode: Makes an operation of what the log holds.
            default: The default layer.

        Raises:
            ValueError: If an action is unknown.
            LookupError: If an action was not possible where the log has it.
        """
        history = cls(default=default)
        for action in actions:
            history = history.act(action, decode)
        return history

    def act(self, action: Mapping[str, Any], decode: Callable[[Any], T]) -> History[T]:
        """Return the history after one action of a log (see :meth:`from_log`)."""
        match action["action"]:
            case "apply":
                return self.apply(decode(action["operation"]))
            case "undo":
                return self.undo()
            case "redo":
                return self.redo()
            case "reset":
                return self.reset()
            case "disable":
                return self.disable(action["index"])
            case "replace":
                return self.replace(action["index"], decode(action["operation"]))
            case unknown:
                raise ValueError(f"action {unknown!r} is unknown; was the log written by a newer version?")

    def _push(self, state: State[T]) -> History[T]:
        kept = self.states[: self.pointer + 1]
        return replace(self, states=(*kept, state), pointer=len(kept))

    def _entry(self, index: int) -> Entry[T]:
        if not 0 <= index < len(self.entries):
            raise LookupError(
                f"no operation {index}; {len(self.entries)} can be changed, and the default layer cannot"
            )
        return self.entries[index]

    def _edit(self, index: int, entry: Entry[T]) -> History[T]:
        return self._push((*self.entries[:index], entry, *self.entries[index + 1 :]))
