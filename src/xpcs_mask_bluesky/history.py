"""Undo and redo as a value: a pointer into a tuple of states.

A state is a tuple of entries, each an operation and whether it counts. Every change pushes a state and
drops the states after the pointer; undo and redo only move the pointer. The default layer is the first
state: undo stops there, and nothing edits its operations. A label keeps its state, also when that is no
longer among the states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One operation of a state, and whether it counts."""

    operation: T
    enabled: bool = True


State = tuple[Entry[T], ...]


@dataclass(frozen=True, repr=False)
class History(Generic[T]):
    """The default operations, the states made from them, and which of these is in force.

    Args:
        default: Operations that undo and reset never remove.
    """

    default: tuple[T, ...] = ()
    states: tuple[State[T], ...] = ((),)
    """Each the entries after the default ones; the first is the default layer alone."""
    pointer: int = 0
    labelled: tuple[tuple[str, State[T]], ...] = ()
    """Names that were given to states, each with its state."""

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

    @property
    def labels(self) -> dict[str, State[T]]:
        """The labelled states by name."""
        return dict(self.labelled)

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

    def enable(self, index: int) -> History[T]:
        """Return the history with operation ``index`` (after the default ones) counted again.

        Raises:
            LookupError: If there is no such operation.
        """
        return self._edit(index, replace(self._entry(index), enabled=True))

    def replace(self, index: int, operation: T) -> History[T]:
        """Return the history with another operation in the place of ``index``; the rest follows.

        Raises:
            LookupError: If there is no such operation.
        """
        return self._edit(index, replace(self._entry(index), operation=operation))

    def label(self, name: str) -> History[T]:
        """Return the history with a name for the state in force; :meth:`branch` finds it again.

        Raises:
            ValueError: If another state has that name, or it is empty.
        """
        if not name.strip():
            raise ValueError("a label needs a name")
        if name not in self.labels:
            return replace(self, labelled=(*self.labelled, (name, self.entries)))
        if self.labels[name] != self.entries:
            raise ValueError(f"label {name!r} names another state already; take another name")
        return self

    def branch(self, at: str | int) -> History[T]:
        """Return the history going on from a labelled state, or from one by its number.

        That state is pushed on top, so undo returns to where this was.

        Raises:
            LookupError: If there is no such state.
        """
        if isinstance(at, int):
            if not 0 <= at < len(self.states):
                raise LookupError(f"no state {at}; there are 0 to {len(self.states) - 1}")
            return self._push(self.states[at])
        if at not in self.labels:
            raise LookupError(f"no label {at!r}; there is: {', '.join(self.labels) or 'none'}")
        return self._push(self.labels[at])

    def map(self, function: Callable[[T], S]) -> History[S]:
        """Return the history with every operation, also of states not in force, passed through."""
        made: dict[int, S] = {}

        def once(operation: T) -> S:
            if id(operation) not in made:
                made[id(operation)] = function(operation)
            return made[id(operation)]

        def turned(state: State[T]) -> State[S]:
            return tuple(Entry(once(entry.operation), entry.enabled) for entry in state)

        return History(
            default=tuple(once(operation) for operation in self.default),
            states=tuple(turned(state) for state in self.states),
            pointer=self.pointer,
            labelled=tuple((name, turned(state)) for name, state in self.labelled),
        )

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
            actions: Mappings with ``action`` (the name of one of the methods above) and, where that
                needs them, ``operation``, ``index``, ``label`` or ``state``.
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
            case "undo" | "redo" | "reset" as name:
                return {"undo": self.undo, "redo": self.redo, "reset": self.reset}[name]()
            case "disable" | "enable" as name:
                return {"disable": self.disable, "enable": self.enable}[name](action["index"])
            case "replace":
                return self.replace(action["index"], decode(action["operation"]))
            case "label":
                return self.label(action["label"])
            case "branch":
                return self.branch(action["label"] if "label" in action else action["state"])
            case unknown:
                raise ValueError(f"action {unknown!r} is unknown; was the log written by a newer version?")

    def __repr__(self) -> str:
        """Return the states as a strip, one a line, with a pointer at the one in force."""
        lines: list[str] = []
        for number, state in enumerate(self.states):
            change = self.change(number)
            label = "".join(f'  "{name}"' for name, each in self.labelled if each == state)
            undone = "  (undone)" if number > self.pointer else ""
            pointer = "▸" if number == self.pointer else " "
            lines.append(f"{pointer} {number:3}  {change}{label}{undone}")
        return "\n".join(lines)

    def change(self, number: int, words: Callable[[T], str] | None = None) -> str:
        """Return in words what makes state ``number`` of the one before it; 0 is the default layer.

        Args:
            number: Of the state, from 0.
            words: Describes an operation; by default its own ``describe()``, or else ``str``.
        """
        words = words or _words
        if number == 0:
            return "; ".join(["default layer", *(words(operation) for operation in self.default)])
        return _change(self.states[number - 1], self.states[number], words)

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


def _words(operation: object) -> str:
    describe: Callable[[], str] | None = getattr(operation, "describe", None)
    return str(operation) if describe is None else describe()


def _change(before: State[T], after: State[T], words: Callable[[T], str]) -> str:
    if len(after) == len(before) + 1 and after[:-1] == before:
        return f"+ {words(after[-1].operation)}"
    changed = [index for index, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(before) != len(after) or len(changed) > 1:
        return "= " + ("; ".join(words(each.operation) for each in after if each.enabled) or "nothing")
    if not changed:
        return "= as before"
    index, entry = changed[0], after[changed[0]]
    if entry.operation != before[index].operation:
        return f"~ operation {index} is now {words(entry.operation)}"
    return f"{'+' if entry.enabled else '−'} operation {index}, {words(entry.operation)}, " + (
        "counts again" if entry.enabled else "no longer counts"
    )
