"""What an edit leaves of a mask: most rejected, or all, is said aloud."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.masks import MostRejected
from xpcs_mask_bluesky.store.verify import quick_raster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xpcs_mask_bluesky.masks import Mask
    from xpcs_mask_bluesky.store.detector import DetectorNode
    from xpcs_mask_bluesky.store.state import Action, RawHistory

REJECTING = frozenset({"apply", "replace", "enable", "disable"})
"""The actions after which it is looked at; who undoes and redoes knows what is there."""
FROM_FILES = frozenset({"file", "blemish"})
LEAST_LEFT = 0.5
"""Of the pixels that counted before."""
PACKAGE = __name__.partition(".")[0]


def raster_after(
    detector: DetectorNode, base: RawHistory, history: RawHistory, actions: Sequence[Action], words: str
) -> str | None:
    """Return the digest of the raster that an edit makes, where that is quickly told; else None.

    Args:
        detector: Whose layer it is.
        base: The layer before.
        history: The layer after.
        actions: The steps between.
        words: The same for people.

    Warns:
        MostRejected: Less than half of the pixels that counted are left.
    """
    quick = quick_raster(detector, history)
    if quick is None:
        return None
    mask, whole = quick
    if any(each["action"] in REJECTING for each in actions):
        _check(detector, base, mask, whole, f"{words}{_hint(actions)}")
    return mask.digest if whole else None


def _check(detector: DetectorNode, base: RawHistory, mask: Mask, whole: bool, words: str) -> None:
    rows, columns = detector.shape
    if mask.counted >= LEAST_LEFT * rows * columns:
        return
    quick = quick_raster(detector, base)
    before = rows * columns if quick is None else quick[0].counted
    if mask.counted < LEAST_LEFT * before:
        left = f"{mask.counted} of" if mask.counted else "none of"
        part = f"{left} the {before} pixels that counted are left ({mask.counted / before:.2%})"
        warnings.warn(f"{part} after: {words}", MostRejected, stacklevel=_to_the_caller())


def _to_the_caller() -> int:
    """Return the frames from who asks this to the line outside of this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    return level


def _hint(actions: Sequence[Action]) -> str:
    kinds = {each["operation"]["kind"] for each in actions if "operation" in each}
    return "; is its polarity right, or the other one?" if kinds & FROM_FILES else ""
