"""Which node a request came for, told from Tiled's access policy to its validators within one request.

Tiled tells a policy who asks but not what is written, and a validator what is written but not who asks. Both
run in the request's own task, so a context variable joins them.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from xpcs_mask_bluesky.store.layout import BLOBS, DETECTOR_SPEC, LOG, PARTITIONS, QMAPS

PARTS = frozenset({BLOBS, LOG, PARTITIONS, QMAPS})


@dataclass
class Visit:
    """A request at the node that it is about."""

    node: Any
    parent: Any
    principal: Any
    scopes: frozenset[str]
    entry_checked: bool = False
    """Whether what is to be created was checked to be a log entry that this request may make."""

    @property
    def at_log(self) -> bool:
        """Whether the node is a detector's log."""
        return self.at_part and key_of(self.node) == LOG

    @property
    def at_part(self) -> bool:
        """Whether the node is one of the containers that make up a detector."""
        return self.parent is not None and has_spec(self.parent, DETECTOR_SPEC) and key_of(self.node) in PARTS


_walked: ContextVar[tuple[Any, ...]] = ContextVar("xpcs_mask_walked", default=())
"""The last two nodes on the way from the root."""
_visit: ContextVar[Visit | None] = ContextVar("xpcs_mask_visit", default=None)


def walk(node: Any) -> None:
    """Note a node on the way to the one that the request is about."""
    _walked.set((*_walked.get()[-1:], node))


def arrive(node: Any, principal: Any, scopes: Any) -> None:
    """Note the node whose scopes are asked for."""
    above = getattr(getattr(node, "node", None), "parent", None)
    parent = next((each for each in _walked.get() if above is not None and _number(each) == above), None)
    _visit.set(Visit(node, parent, principal, frozenset(scopes)))


def current() -> Visit | None:
    """Return the visit of the request that runs now; None outside of one."""
    return _visit.get()


def key_of(node: Any) -> str:
    """Return a catalogue node's key."""
    return str(getattr(getattr(node, "node", None), "key", ""))


def has_spec(node: Any, name: str) -> bool:
    """Return whether a node has a spec of this name, whatever its version."""
    return any(spec.name == name for spec in getattr(node, "specs", None) or ())


def _number(node: Any) -> Any:
    return getattr(getattr(node, "node", None), "id", None)
