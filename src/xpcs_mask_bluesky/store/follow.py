"""Follow a detector's log: every new entry, in order, none left out, within a second.

Tiled's stream of new children is quick but best-effort: a server that restarts, a full buffer or a
dropped socket lose events without a word. The log's numbers have no gaps: what the stream brings is taken
only if it is the very next entry; else, and at least every :data:`SECONDS_BETWEEN_LOOKS`, a look into the
log says what is there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from xpcs_mask_bluesky.store.errors import is_away
from xpcs_mask_bluesky.store.log import Log, LogEntry

logger = logging.getLogger("xpcs_mask_bluesky")

SECONDS_BETWEEN_LOOKS = 0.8
SECONDS_BETWEEN_STREAMS = 10.0
"""Between tries to open the stream again, once it has ended."""
SECONDS_TO_END = 5.0


class Follower:
    """Calls a function with each log entry above a number, in a thread of its own.

    Args:
        log: Of the detector.
        took: Called with new entries, oldest first; what it raises is logged, and the same entries
            come again at the next look.
        since: The newest entry that is known already.
        kinds: Of the entries that matter; None for all.
        stream: The Tiled container of the log, whose stream brings entries at once; None to only look.
    """

    def __init__(
        self,
        log: Log,
        took: Callable[[list[LogEntry]], None],
        *,
        since: int,
        kinds: Iterable[str] | None = None,
        stream: Any = None,
    ) -> None:
        self._log, self._took, self._container = log, took, stream
        self._kinds = None if kinds is None else tuple(kinds)
        self.seq = since
        """The newest entry that was handed over, or did not matter."""
        self._arrived: dict[int, LogEntry] = {}
        """By number: what the stream brought and nobody has taken yet."""
        self._wake, self._closed = threading.Event(), threading.Event()
        self._last_error = ""
        self._stream: Any = None
        self._stream_thread: threading.Thread | None = None
        self._stream_tried = float("-inf")
        self._thread = threading.Thread(target=self._run, name="xpcs-mask-follow", daemon=True)

    def start(self) -> Follower:
        """Begin to follow, and return this follower."""
        self._thread.start()
        return self

    @property
    def alive(self) -> bool:
        """Whether it follows."""
        return self._thread.is_alive()

    def look(self) -> None:
        """Look soon, without waiting for it."""
        self._wake.set()

    def close(self) -> None:
        """End the threads."""
        self._closed.set()
        self._wake.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(SECONDS_TO_END)

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                self._keep_stream()
                self._guarded(self._look if not self._arrived else self._take_arrived)
                self._wake.wait(SECONDS_BETWEEN_LOOKS)
                self._wake.clear()
        finally:
            self._end_stream()

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
            self._last_error = ""
        except Exception as error:  # noqa: BLE001  the boundary of this thread: the next look tries again
            if not is_away(error) and repr(error) != self._last_error:
                logger.error("xpcs-mask: following the log: %r", error)
            self._last_error = repr(error)

    def _look(self) -> None:
        """Hand over what the log has above the newest entry that was."""
        head = self._log.head()
        if head > self.seq:
            entries = self._log.after(self.seq, self._kinds)
            self._hand_over(entries, max([head, *(entry.seq for entry in entries)]))

    def _take_arrived(self) -> None:
        """Hand over what the stream brought, if it goes on where the last one ended; else look."""
        entries: list[LogEntry] = []
        while (entry := self._arrived.pop(self.seq + len(entries) + 1, None)) is not None:
            entries.append(entry)
        self._arrived = {seq: entry for seq, entry in self._arrived.copy().items() if seq > self.seq}
        if not entries:
            self._look()
            return
        matter = [entry for entry in entries if self._kinds is None or entry.kind in self._kinds]
        self._hand_over(matter, entries[-1].seq)

    def _hand_over(self, entries: list[LogEntry], newest: int) -> None:
        if entries:
            self._took(entries)
        self.seq = newest

    def _keep_stream(self) -> None:
        """Open the stream if it is not open; it blocks, so a thread of its own holds it."""
        if self._container is None or (self._stream_thread and self._stream_thread.is_alive()):
            return
        if time.monotonic() < self._stream_tried + SECONDS_BETWEEN_STREAMS:
            return
        self._stream_tried = time.monotonic()
        self._end_stream()
        self._stream = self._container.subscribe()
        self._stream.child_created.add_callback(self._on_child)  # held weakly: a bound method of ours
        self._stream_thread = threading.Thread(
            target=_hold, args=(self._stream,), name="xpcs-mask-stream", daemon=True
        )
        self._stream_thread.start()

    def _on_child(self, created: Any) -> None:
        with suppress(ValueError, TypeError):  # what is no entry of ours says only that it is time to look
            entry = LogEntry.from_metadata(created.metadata)
            self._arrived[entry.seq] = entry
        self._wake.set()

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.disconnect(wait=False)


def _hold(stream: Any) -> None:
    """Receive until the stream ends, however it does; looking goes on without it."""
    try:
        stream.start()
    except Exception as error:  # noqa: BLE001  the boundary of this thread
        logger.debug("xpcs-mask: the log's stream ended: %r", error)
