"""The layers and recipes in force, folded from the log and kept up to date by few requests."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.history import History
from xpcs_mask_bluesky.store.errors import DamagedLog
from xpcs_mask_bluesky.store.log import Log, LogEntry

Layer = Literal["mask", "blemish"]
LAYERS: tuple[Layer, ...] = ("mask", "blemish")
RECIPE_SET = "recipe set"
KINDS = (*LAYERS, RECIPE_SET)

Action = Mapping[str, Any]
"""One step of an edit, as JSON; see :meth:`History.from_log`."""
RawHistory = History[Mapping[str, Any]]
"""Of operations as JSON."""


@dataclass
class State:
    """What the log says up to entry ``seq``; operations and recipes as JSON."""

    seq: int = 0
    layers: dict[str, RawHistory] = field(default_factory=lambda: {name: RawHistory() for name in LAYERS})
    actions: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: {name: [] for name in LAYERS})
    heads: dict[str, int] = field(default_factory=dict)
    """The newest entry of each layer, and of each recipe as ``"recipe set:<name>"``."""
    recipes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def take(self, entry: LogEntry) -> None:
        """Bring the state to ``entry``.

        Raises:
            DamagedLog: an entry before it is missing, or it does not make what it says.
        """
        if entry.kind in LAYERS:
            self._edit(entry)
        elif entry.kind == RECIPE_SET:
            self.recipes[entry.body["name"]] = entry.body["recipe"]
            self.heads[f"{RECIPE_SET}:{entry.body['name']}"] = entry.seq
        self.seq = max(self.seq, entry.seq)

    def _edit(self, entry: LogEntry) -> None:
        if entry.parent != self.heads.get(entry.kind, 0):
            raise DamagedLog(
                f"log entry {entry.seq} builds on {entry.kind} entry {entry.parent}, but the one "
                f"before it is {self.heads.get(entry.kind, 0)}; an entry is missing or damaged"
            )
        history = self.layers[entry.kind]
        try:
            for action in entry.body["actions"]:
                history = history.act(action, dict)
            right = state_digest(history) == entry.body["state"]
        except (LookupError, TypeError, ValueError) as error:
            raise DamagedLog(f"log entry {entry.seq} of the {entry.kind} is damaged: {error!r}") from error
        if not right:
            raise DamagedLog(f"log entry {entry.seq} does not make the {entry.kind} that it says; damaged?")
        self.layers[entry.kind] = history
        self.actions[entry.kind].extend(entry.body["actions"])
        self.heads[entry.kind] = entry.seq

    def copy(self) -> State:
        """Return a state that does not follow this one's further entries."""
        return State(
            seq=self.seq,
            layers=dict(self.layers),
            actions={layer: list(actions) for layer, actions in self.actions.items()},
            heads=dict(self.heads),
            recipes=dict(self.recipes),
        )

    @property
    def mask_revision(self) -> int:
        """The newest entry of the mask or the blemish."""
        return max(self.heads.get(name, 0) for name in LAYERS)

    def digests(self) -> dict[str, str]:
        """Return the digest of each layer's operations in force."""
        return {name: state_digest(history) for name, history in self.layers.items()}


def state_digest(history: RawHistory) -> str:
    """Return the SHA-256 of the operations in force; it needs neither geometry nor pixels."""
    return json_digest({"operations": [dict(each) for each in history.operations]})


def fold(entries: Iterable[LogEntry]) -> State:
    """Return the state that entries make, oldest first."""
    state = State()
    for entry in entries:
        state.take(entry)
    return state


class StateCache:
    """The newest state, brought up to date with one request while nothing has changed."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._state = State()
        self._lock = threading.RLock()
        self._certain = False
        """Whether nothing has been seen in the log that the state does not know."""

    def at_hand(self) -> State:
        """Return the newest state that is known, without asking if all entries since are this process' own.

        For whoever commits afterwards: that fails if the log has moved on.
        """
        with self._lock:
            return self._state.copy() if self._certain else self.latest()

    def latest(self) -> State:
        """Return the state at the log's head."""
        with self._lock:
            head = self._log.head()
            if head != self._state.seq:
                for entry in self._log.after(self._state.seq, KINDS):
                    self._state.take(entry)
                self._state.seq = max(self._state.seq, head)
            self._certain = True
            return self._state.copy()

    def took(self, entry: LogEntry) -> None:
        """Take an entry that was just committed here, if none before it is missing."""
        with self._lock:
            if entry.seq == self._state.seq + 1:
                self._state.take(entry)
            elif entry.seq > self._state.seq:
                self._certain = False

    def as_of(self, *, revision: int | None = None, time: float | None = None) -> State:
        """Return the state after entry ``revision``, or at ``time`` in seconds since the epoch.

        The state at a time is that after the newest entry committed by then, in the log's order: where
        a clock jumped back, entries with a later time can come before it, and count.

        Raises:
            LookupError: there is no such revision.
        """
        if revision is not None and not 0 <= revision <= self.latest().seq:
            raise LookupError(f"revision {revision} is not in the log; it ends at {self.latest().seq}")
        entries = self._log.after(0, KINDS)
        if time is not None:
            newest = max((entry.seq for entry in entries if entry.time <= time), default=0)
            entries = [entry for entry in entries if entry.seq <= newest]
        return fold(entry for entry in entries if revision is None or entry.seq <= revision)
