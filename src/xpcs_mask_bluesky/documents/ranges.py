"""Which geometry holds from which event of a stream on, in whatever order the events came."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xpcs_mask_bluesky.documents.resolve import Resolved


@dataclass
class _Segment:
    """Events that came and are neighbours by number, all of one geometry."""

    first: int
    last: int
    resolved: Resolved


@dataclass(frozen=True)
class Telling:
    """From this event on, this geometry: what must be said so that all that came is told right."""

    seq_num: int
    resolved: Resolved
    before: Resolved | None
    """What held for this event by all that was said until now."""
    corrects: bool
    """Whether something else was said for this event."""


class Ranges:
    """The events of one stream and what was said of them.

    A geometry is said for the first event that has it. The first of all is said for event 1, since events
    that are exported come in any order and none before it was of another geometry; if then an earlier
    event has another one after all, that is corrected.
    """

    def __init__(self) -> None:
        self.from_start = True
        """Whether the first geometry holds from event 1 on, though a later event may come first."""
        self._segments: list[_Segment] = []
        self._said: list[tuple[int, Resolved]] = []

    @property
    def last(self) -> int:
        """The highest event that came; 0 for none."""
        return self._segments[-1].last if self._segments else 0

    def near(self, seq_num: int) -> list[Resolved]:
        """Return the geometries of the events before and after one."""
        index = bisect_right(self._segments, seq_num, key=lambda each: each.first)
        return [each.resolved for each in self._segments[max(index - 1, 0) : index + 1]]

    def extend(self, seq_num: int) -> None:
        """Take the next event, of the newest geometry."""
        self._segments[-1].last = seq_num

    def said_for(self, seq_num: int) -> Resolved | None:
        """Return the geometry that was said for an event."""
        index = bisect_right(self._said, seq_num, key=lambda each: each[0])
        return self._said[index - 1][1] if index else None

    def take(self, seq_num: int, resolved: Resolved) -> list[Telling]:
        """Take an event and its geometry, and return what there is to say.

        Pass the very object that was taken before, if its geometry counts as the same.
        """
        index = self._place(seq_num, resolved)
        first = 1 if index == 0 and self.from_start else seq_num
        tellings = self._say(first, resolved)
        if index + 1 < len(self._segments):
            following = self._segments[index + 1]
            tellings += self._say(following.first, following.resolved)
        return tellings

    def _place(self, seq_num: int, resolved: Resolved) -> int:
        """Put the event into the segments, and return the index of its own."""
        segments = self._segments
        index = bisect_right(segments, seq_num, key=lambda each: each.first) - 1
        here = segments[index] if index >= 0 else None
        if here is not None and here.resolved is resolved:
            here.last = max(here.last, seq_num)
            return index
        if here is not None and seq_num <= here.last:
            if seq_num < here.last:
                segments.insert(index + 1, _Segment(seq_num + 1, here.last, here.resolved))
            here.last = seq_num - 1
        following = segments[index + 1] if index + 1 < len(segments) else None
        if following is not None and following.resolved is resolved:
            following.first = seq_num
        else:
            segments.insert(index + 1, _Segment(seq_num, seq_num, resolved))
        if here is not None and here.last < here.first:
            segments.pop(index)
            return index
        return index + 1

    def _say(self, seq_num: int, resolved: Resolved) -> list[Telling]:
        before = self.said_for(seq_num)
        if before is resolved:
            return []
        index = bisect_right(self._said, seq_num, key=lambda each: each[0])
        corrects = bool(index) and self._said[index - 1][0] == seq_num
        if corrects:
            self._said[index - 1] = (seq_num, resolved)
        else:
            self._said.insert(index, (seq_num, resolved))
        return [Telling(seq_num, resolved, before, corrects)]
