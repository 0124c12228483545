"""One input, one callback, until a signal: nothing new is taken then, what there is goes out or is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from xpcs_mask_bluesky.service.intake import Intake

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.callback import PartitionCallback
    from xpcs_mask_bluesky.service.intake import Input


def listen(
    source: Input, callback: PartitionCallback, stop: threading.Event, *, say: Callable[[str], object]
) -> bool:
    """Hand the documents of an input to a callback until ``stop`` is set; return whether all went out.

    What did not go out is in the spool, and delivered by the next callback with the same one.

    Args:
        source: Of documents.
        callback: Takes them; it is closed at the end, whatever happens.
        stop: Set by somebody else, a signal mostly.
        say: Takes lines for people: at the begin and at the end.
    """
    intake = Intake(callback)
    say(f"xpcs-mask listen: {source.name}")
    try:
        source.run(intake, stop)
    finally:
        done = callback.close()
        counted = ", ".join(f"{number} {what}" for what, number in sorted(intake.counts.items()) if number)
        left = "" if done else "; some wait in the spool for the next start"
        say(f"xpcs-mask listen: ended after {counted or 'no documents'}{left}")
    return done
