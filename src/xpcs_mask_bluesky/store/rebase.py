"""Put an edit on top of what somebody else did meanwhile, where neither loses anything by it."""

from __future__ import annotations

from collections.abc import Sequence

from xpcs_mask_bluesky.store.state import Action, RawHistory


def rebased(base: RawHistory, onto: RawHistory, actions: Sequence[Action]) -> RawHistory:
    """Return ``onto`` after actions that were made on ``base``.

    What is applied, and what the actions themselves undo and redo, means the same on top of anything.
    Changing an operation by its number does if that number is still the same operation.

    Raises:
        LookupError: an action would mean something else there, or take back what another one did.
    """
    own = _Own()
    for action in actions:
        own.take(action["action"])
        if "index" in action:
            _check_index(base, onto, action)
        base = base.act(action, dict)
        try:
            onto = onto.act(action, dict)
        except ValueError as error:  # a label that is taken by now
            raise LookupError(str(error)) from error
    return onto


class _Own:
    """How many states the actions have made behind the pointer, and left ahead of it."""

    def __init__(self) -> None:
        self._behind = self._ahead = 0

    def take(self, name: str) -> None:
        match name:
            case "apply" | "disable" | "enable" | "replace":
                self._behind, self._ahead = self._behind + 1, 0
            case "undo" if self._behind:
                self._behind, self._ahead = self._behind - 1, self._ahead + 1
            case "redo" if self._ahead:
                self._behind, self._ahead = self._behind + 1, self._ahead - 1
            case "label":
                pass
            case _:
                raise LookupError(f"{name!r} would take back what was done meanwhile")


def _check_index(base: RawHistory, onto: RawHistory, action: Action) -> None:
    index = action["index"]
    there = index < len(onto.entries)
    if not there or onto.entries[index].operation != base.entries[index].operation:
        raise LookupError(f"operation {index} is another one by now")
