"""Documents in a Kafka topic, as ``bluesky_kafka`` writes them: MessagePack of a name and a document.

``bluesky_kafka`` itself is not imported: that would let every later reader of MessagePack in this process
unpickle. What was read is committed to the broker only when it is on disk here, and never beyond the start of
a run that is still under way: after a restart such a run comes again from its start, which changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from xpcs_mask_bluesky.service.intake import LONGEST_WAIT, check
from xpcs_mask_bluesky.service.wire import unpacked

if TYPE_CHECKING:
    from xpcs_mask_bluesky.service.intake import Intake

DOCUMENTS_BETWEEN_COMMITS = 1000
SECONDS_BETWEEN_COMMITS = 1.0
SECONDS_WITHOUT_STOP = 86400.0
"""After its start, by the broker's clock, until a run that never stopped no longer holds up the position."""
SECONDS_TO_ANSWER = 10.0


@dataclass
class OpenRuns:
    """The runs under way in one partition of the topic: from where they would have to be read again."""

    starts: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By uid: the offset of the start, and its time in seconds since the epoch."""
    next: int = -1
    """The offset after the newest message."""

    def took(self, name: str, doc: Mapping[str, Any], offset: int, moment: float) -> None:
        """Take a document that was read."""
        if name == "start":
            self.starts[str(doc.get("uid"))] = offset, moment
        elif name == "stop":
            self.starts.pop(str(doc.get("run_start")), None)
        self.passed(offset, moment)

    def passed(self, offset: int, moment: float) -> None:
        """Take a message, whatever was in it."""
        self.next = offset + 1
        late = [uid for uid, (_, began) in self.starts.items() if moment - began > SECONDS_WITHOUT_STOP]
        for uid in late:
            del self.starts[uid]

    @property
    def position(self) -> int:
        """The offset to go on from after a restart."""
        return min([self.next, *(offset for offset, _ in self.starts.values())])


class KafkaInput:
    """A topic of a Kafka cluster.

    Args:
        brokers: ``HOST:PORT`` of one or more, with commas between.
        topic: Of the documents.
        group: Under which the cluster keeps how far was read; listeners of one catalogue share none.
        earliest: Whether a group that is new begins with the oldest message, not with the next one.
        settings: More of librdkafka's, such as those of SASL and TLS.

    Raises:
        ModuleNotFoundError: confluent-kafka is not there.
        ValueError: A setting is none.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        *,
        group: str,
        earliest: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import confluent_kafka as kafka
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("--kafka needs: pip install 'xpcs-mask-bluesky[kafka]'") from error
        self._kafka, self._brokers, self._topic = kafka, brokers, topic
        self._earliest = earliest
        self._runs: dict[int, OpenRuns] = {}
        """By partition of the topic."""
        self._committed: dict[int, int] = {}
        self._news, self._commit_at = 0, 0.0
        self._warn: Callable[[str], object] = lambda words: None
        said = {
            **(settings or {}),
            "bootstrap.servers": brokers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest" if earliest else "latest",
            "error_cb": lambda error: self._warn(f"{self.name}: {error.str()}; it is tried again"),
        }
        try:
            self._consumer = kafka.Consumer(said)
        except (kafka.KafkaException, TypeError, ValueError) as error:
            raise ValueError(f"no consumer for {brokers}: {error}") from error

    @property
    def name(self) -> str:
        """The brokers and the topic."""
        return f"kafka {self._brokers} {self._topic}"

    def run(self, intake: Intake, stop: threading.Event) -> None:
        """Hand documents over until ``stop`` is set."""
        self._warn = intake.warn
        try:
            self._consumer.subscribe([self._topic], on_assign=self._assigned, on_revoke=self._revoked)
            while not stop.is_set():
                message = self._consumer.poll(LONGEST_WAIT)
                if message is not None:
                    self._take(message, intake)
                if self._due() and intake.kept(stop):
                    self._commit(intake)
            if intake.kept(stop):
                self._commit(intake)
        finally:
            self._consumer.close()

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        """Begin where the group was, and let a new group be known at once: what comes meanwhile is its."""
        try:
            placed = [self._placed(consumer, each) for each in partitions]
        except self._kafka.KafkaException as error:
            self._warn(f"{self.name} does not tell how far was read: {error}")
            placed = partitions  # then librdkafka itself asks again
        consumer.assign(placed)
        self._commit_at = 0.0

    def _placed(self, consumer: Any, partition: Any) -> Any:
        """Return a partition with the offset to begin with."""
        (placed,) = consumer.committed([partition], timeout=SECONDS_TO_ANSWER)
        if placed.offset < 0:
            oldest, newest = consumer.get_watermark_offsets(placed, timeout=SECONDS_TO_ANSWER)
            placed.offset = oldest if self._earliest else newest
        self._runs[placed.partition] = OpenRuns(next=placed.offset)
        return placed

    def _revoked(self, consumer: Any, partitions: Iterable[Any]) -> None:
        for each in partitions:
            self._runs.pop(each.partition, None)

    def _take(self, message: Any, intake: Intake) -> None:
        if message.error() is not None:
            intake.warn(f"{self.name}: {message.error().str()}; it is tried again")
            return
        runs = self._runs.setdefault(message.partition(), OpenRuns())
        moment = message.timestamp()[1] / 1000
        self._news += 1
        try:
            name, doc = _document(message.value())
        except ValueError as error:
            intake.unusable(f"{self.name} offset {message.offset()} is {error}")
            runs.passed(message.offset(), moment)
        else:
            intake(name, doc)
            runs.took(name, doc, message.offset(), moment)
            if name == "stop":  # its start may be in another partition
                for each in self._runs.values():
                    each.starts.pop(str(doc.get("run_start")), None)

    def _due(self) -> bool:
        waited = time.monotonic() >= self._commit_at
        return self._news >= DOCUMENTS_BETWEEN_COMMITS or (waited and self._positions() != self._committed)

    def _positions(self) -> dict[int, int]:
        return {partition: runs.position for partition, runs in self._runs.items() if runs.next >= 0}

    def _commit(self, intake: Intake) -> None:
        positions = self._positions()
        self._news, self._commit_at = 0, time.monotonic() + SECONDS_BETWEEN_COMMITS
        if not positions or positions == self._committed:
            return
        offsets = [
            self._kafka.TopicPartition(self._topic, partition, offset)
            for partition, offset in positions.items()
        ]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
            self._committed = positions
        except self._kafka.KafkaException as error:
            intake.warn(f"{self.name} does not keep how far was read: {error}; it is tried again")


def read_settings(path: Path) -> dict[str, Any]:
    """Return librdkafka's settings from a YAML file, such as ``sasl.password: …``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no mapping of names to values; what it holds is not told.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        said = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML") from error  # whose message would quote a password
    if not isinstance(said, dict):
        raise ValueError(f"{path} holds a {type(said).__name__}; expected librdkafka's names and values")
    return {str(name): value for name, value in said.items()}


def _document(value: bytes | None) -> tuple[str, dict[str, Any]]:
    """Return the document in a message.

    Raises:
        ValueError: It is none.
    """
    said = unpacked(value or b"")
    if not isinstance(said, list | tuple) or len(said) != 2:
        raise ValueError("no pair of a name and a document")
    return check(said[0], said[1])
