"""The steps of an edit in words, for the log, for conflicts and for people who compare two masks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xpcs_mask_bluesky.masks import operation_from_json
from xpcs_mask_bluesky.store.state import Action, RawHistory


def describe_action(action: Action, before: RawHistory) -> str:
    """Return one step of an edit in words.

    Args:
        action: The step; a possible one.
        before: What it was done on.
    """
    match action["action"]:
        case "apply":
            return _words(action["operation"])
        case "disable" | "enable" | "replace" as name:
            after = before.act(action, dict)
            words = after.change(after.pointer, _words).lstrip("+−~= ")
            return f"{name} operation {action['index']}" if words == "as before" else words
        case "undo":
            return f"undo: {before.change(before.pointer, _words)}"
        case "redo":
            return f"redo: {before.change(before.pointer + 1, _words)}"
        case "label" | "branch" as name:
            return f"{name} {action['label']!r}" if "label" in action else f"{name} state {action['state']}"
        case other:
            return str(other)


def _words(operation: Mapping[str, Any]) -> str:
    return operation_from_json(dict(operation)).describe()
