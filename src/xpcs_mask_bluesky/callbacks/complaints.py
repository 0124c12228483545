"""Say a fault once, not at each event: the same line at most once a minute."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_BETWEEN_EQUALS = 60.0
REMEMBERED = 200
"""Different lines that are remembered; a fault whose text changes each time must not fill the memory."""


class Complaints:
    """The log lines of one callback; safe in any thread."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._guard = threading.Lock()

    def say(self, message: str, level: int = logging.ERROR) -> bool:
        """Log ``message``, unless the same was said within the last minute; return whether it was."""
        now = time.monotonic()
        with self._guard:
            last = self._said.get(message)
            if last is not None and now - last < SECONDS_BETWEEN_EQUALS:
                return False
            self._said.pop(message, None)
            self._said[message] = now
            while len(self._said) > REMEMBERED:
                self._said.pop(next(iter(self._said)))
        logger.log(level, "xpcs-mask: %s", message)
        return True

    def warn(self, message: str) -> None:
        """Log a warning, the same one at most once a minute."""
        self.say(message, logging.WARNING)
