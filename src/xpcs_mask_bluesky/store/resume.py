"""Write a run to where a part of it may be: what is there is taken, and only what lacks is added.

Nobody may delete a node of ours, so a run that was written in part cannot be begun anew. These stand
for Tiled's clients before Bluesky's TiledWriter, which would stop at the first node that exists.
"""

from __future__ import annotations

from typing import Any

CONFIGURATIONS = "_config_updates"
"""Where TiledWriter appends the later descriptors of a stream."""


class Resumed:
    """A Tiled container whose children are taken if they are there, and made if not."""

    def __init__(self, node: Any) -> None:
        self._node = getattr(node, "base", node)
        """Without what a special client makes of its children."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    @property
    def base(self) -> Resumed:
        """Itself: it has no special client around it."""
        return self

    def include_data_sources(self) -> Resumed:
        """Return the same with the data sources of its nodes."""
        return Resumed(self._node.include_data_sources())

    def create_container(self, key: str, **made: Any) -> Resumed:
        """Return the container ``key``; the descriptors that an earlier try appended are taken out again."""
        node = self._there(key)
        if node is None:
            return Resumed(self._node.create_container(key=key, **made))
        if node.metadata.get(CONFIGURATIONS):
            node.update_metadata(metadata={CONFIGURATIONS: []}, drop_revision=True)
        return Resumed(node)

    def new(self, *, key: str, **made: Any) -> Any:
        """Return the node ``key`` of external data, whose sources the writer replaces as a whole."""
        node = self._there(key)
        return self._node.new(key=key, **made) if node is None else node

    def create_appendable_table(self, *, key: str, **made: Any) -> ResumedTable:
        """Return the table ``key``."""
        node = self._there(key)
        return ResumedTable(self._node.create_appendable_table(key=key, **made) if node is None else node)

    def write_array(self, array: Any, *, key: str, **made: Any) -> ResumedArray:
        """Write the first rows of the array ``key``, also over those that are there."""
        return self._write("write_array", array, key, made)

    def write_ragged(self, array: Any, *, key: str, **made: Any) -> ResumedArray:
        """Write the first rows of the ragged array ``key``, also over those that are there."""
        return self._write("write_ragged", array, key, made)

    def _write(self, method: str, array: Any, key: str, made: dict[str, Any]) -> ResumedArray:
        node = self._there(key)
        if node is None:
            return ResumedArray(getattr(self._node, method)(array, key=key, **made), len(array))
        resumed = ResumedArray(node, 0)
        resumed.patch(array, offset=(0,), extend=True)
        return resumed

    def _there(self, key: str) -> Any:
        try:
            node = self._node[key]
        except KeyError:
            return None
        return getattr(node, "base", node)


class ResumedTable:
    """A table to which only rows are appended that it lacks, by their ``seq_num`` or, without one, number."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._rows = 0
        """Of the run that passed here."""
        self._known: set[int] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def append_partition(self, partition: int, table: Any) -> None:
        """Append the rows of a pyarrow table that are not there yet."""
        numbers = range(self._rows, self._rows + table.num_rows)
        if "seq_num" in table.column_names:
            numbers = table["seq_num"].to_pylist()
        if self._known is None:
            self._known = seq_nums(self._node)
        lacking = [row for row, number in enumerate(numbers) if number not in self._known]
        self._rows += table.num_rows
        if lacking:
            self._node.append_partition(partition, table.take(lacking))


class ResumedArray:
    """An array that ends, for its writer, where the writer is."""

    def __init__(self, node: Any, rows: int) -> None:
        self._node, self._rows = node, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what was written here."""
        return (self._rows, *self._node.shape[1:])

    def patch(self, array: Any, offset: int | tuple[int, ...], *, extend: bool) -> None:
        """Write rows, over those that are there."""
        self._node.patch(array, offset=offset, extend=extend)
        self._rows = (offset if isinstance(offset, int) else offset[0]) + len(array)


def seq_nums(table: Any) -> set[int]:
    """Return the ``seq_num`` of a table's rows; without that column, their numbers from 0."""
    if "seq_num" in table.columns:
        return set(table.read(["seq_num"])["seq_num"].tolist())
    return set(range(len(table.read(table.columns[:1]))))
