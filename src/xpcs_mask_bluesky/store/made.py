"""What was made of a geometry before, here or elsewhere: edges that were taken from its data, partitions.

Neither ever changes, so that what is known need not be asked again; a bounded number is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tiled.queries import Eq, In

from xpcs_mask_bluesky.digests import json_digest
from xpcs_mask_bluesky.store.errors import DamagedLog
from xpcs_mask_bluesky.store.uses import PARTITION

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.log import Log, LogEntry

RECIPE_RESOLVED = "recipe resolved"
REMEMBERED = 256
"""Partitions' digests that are kept in memory."""
EDGES_REMEMBERED = 16
"""Resolved recipes that are kept; one may hold thousands of edges."""


def inputs_key(inputs: Mapping[str, str]) -> str:
    """Return one digest of all inputs."""
    return json_digest(dict(inputs))


def resolution_in(entry: LogEntry) -> tuple[tuple[str, str], Mapping[str, Any]]:
    """Return the digests of geometry and recipe that an entry resolves, and the resolved recipe as JSON.

    Raises:
        DamagedLog: it does not hold them.
    """
    try:
        return (entry.inputs["geometry"], entry.inputs["recipe"]), dict(entry.body["recipe"])
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedLog(f"log entry {entry.seq} tells no edges: {error!r} is missing or wrong") from error


class Made:
    """What a detector's log tells of geometries.

    Args:
        log: Of the detector.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._partitions: OrderedDict[str, str] = OrderedDict()
        self._edges: OrderedDict[tuple[str, str], Mapping[str, Any]] = OrderedDict()

    def partition(self, inputs: Mapping[str, str]) -> str | None:
        """Return the digest of the partition that these inputs made; the log is asked if need be."""
        key = inputs_key(inputs)
        if key not in self._partitions:
            self.ask(inputs)
        return self._partitions.get(key)

    def resolution(self, inputs: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Return the recipe resolved for this geometry, as JSON; the log is asked if need be."""
        if (inputs["geometry"], inputs["recipe"]) not in self._edges:
            self.ask(inputs)
        return self.resolution_at_hand(inputs)

    def partition_at_hand(self, inputs: Mapping[str, str]) -> str | None:
        """Return the digest of the partition that these inputs made, if that is known here."""
        return self._partitions.get(inputs_key(inputs))

    def resolution_at_hand(self, inputs: Mapping[str, str]) -> Mapping[str, Any] | None:
        """Return the recipe resolved for this geometry, as JSON, if that is known here."""
        return self._edges.get((inputs["geometry"], inputs["recipe"]))

    def ask(self, inputs: Mapping[str, str]) -> None:
        """Learn what was made of a geometry. One request.

        Raises:
            DamagedLog: an entry that resolves its recipe tells no edges.
        """
        kinds = In("kind", [PARTITION, RECIPE_RESOLVED])
        entries = self._log.read(kinds, Eq("inputs.geometry", inputs["geometry"]))
        for entry in reversed(entries):  # the first one counts
            self.took(entry)

    def took(self, entry: LogEntry) -> None:
        """Take an entry of the log, if it tells what was made."""
        if entry.kind == PARTITION:
            _keep(self._partitions, inputs_key(entry.inputs), str(entry.body["partition"]), REMEMBERED)
        elif entry.kind == RECIPE_RESOLVED:
            key, edges = resolution_in(entry)
            _keep(self._edges, key, edges, EDGES_REMEMBERED)


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
