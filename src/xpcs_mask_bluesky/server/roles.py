"""Who may do what: three roles, told by the scopes that a request's key or session carries.

Tiled's scopes are a fixed list, and none says "blemish". So the third role is told by one that Tiled gives to
administrators only, and that by itself opens nothing but the server's own counters.
"""

from __future__ import annotations

from collections.abc import Iterable

from tiled.access_control.scopes import ScopeName

READER = frozenset({ScopeName.read_metadata, ScopeName.read_data})
"""Reads everything."""
EDITOR = READER | {ScopeName.create_node, ScopeName.write_metadata, ScopeName.write_data}
"""Also edits masks, publishes partitions, and records runs that have no files."""
RECORDER = EDITOR | {ScopeName.register}
"""An editor who also records runs whose frames are in files."""
STAFF_SCOPE = ScopeName.metrics
"""What a key of staff carries beyond an editor's; an ordinary user of Tiled cannot make a key with it."""
STAFF = EDITOR | {STAFF_SCOPE}
"""Also edits the blemish, puts recipes in force, and changes a detector's node."""

STAFF_KINDS = frozenset({"blemish", "recipe set"})
"""Log entries that only staff may make."""


def is_staff(scopes: Iterable[str]) -> bool:
    """Return whether these scopes make a request one of staff."""
    return set(scopes) >= STAFF


def why_not(kind: str) -> str:
    """Return the words that refuse an entry of this kind to an editor."""
    return (
        f"a {kind!r} entry is made by staff: the key needs the scope {STAFF_SCOPE.value!r} beside those of "
        "an editor, and Tiled's administrators make such keys"
    )
