"""How the server asks its database for log entries: by index, and never by one that holds the whole log.

Tiled hands the place in the metadata to SQLite as a parameter, and then SQLite can use no index of it. On
PostgreSQL its index of all metadata is right for what few entries have, a run's uid say, and wrong for what
most of them have: every entry of a kind would be fetched to find the newest.
"""

from __future__ import annotations

import operator
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Float, Integer, Unicode, func, literal_column, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from tiled.catalog import orm
from tiled.catalog.adapter import CatalogNodeAdapter
from tiled.queries import Comparison, Eq, Operator

Operation = Callable[[Any, Any], Any]

COMMON = ("kind", "lineage.name")
"""What most entries of a log have alike."""
RARE = ("lineage.run_uid", "lineage.use", "lineage.inputs", "lineage.partition", "lineage.alarm")
TYPES: dict[str, Any] = {"seq": Integer(), "lineage.time": Float()}
"""Of the fields that are compared; the others are text, but for this one."""
FLAG = "lineage.past"
INDEXES = {
    **{f"xpcs_mask_{name.rpartition('.')[2]}": (name, (name,)) for name in (*RARE, "seq")},
    "xpcs_mask_newest": ("kind", (*COMMON, "id", "lineage.time")),
    "xpcs_mask_past": (FLAG, (*COMMON, FLAG, "lineage.time")),
}
"""In SQLite, by name: of the nodes that have a field, the columns after the parent."""
_COMPARISONS = {
    Operator.lt: operator.lt,
    Operator.le: operator.le,
    Operator.gt: operator.gt,
    Operator.ge: operator.ge,
}
_TILED = {query: CatalogNodeAdapter.query_registry.dispatch(query) for query in (Eq, Comparison)}


def register() -> None:
    """Let Tiled's catalogues translate our questions as here; doing it again changes nothing."""
    CatalogNodeAdapter.register_query(Eq, equal)
    CatalogNodeAdapter.register_query(Comparison, compared)


def equal(query: Any, tree: Any) -> Any:
    """Return ``tree`` limited to the nodes whose metadata have a value."""
    return _limited(query, tree, operator.eq)


def compared(query: Any, tree: Any) -> Any:
    """Return ``tree`` limited to the nodes whose metadata have less, or more, than a value."""
    return _limited(query, tree, _COMPARISONS[query.operator])


def _limited(query: Any, tree: Any, operation: Operation) -> Any:
    translate = _SQLITE if tree.context.engine.dialect.name == "sqlite" else _POSTGRESQL
    if query.key not in translate or not _is_as_expected(query.key, query.value):
        return _TILED[type(query)](query, tree)
    condition = translate[query.key](query.key, query.value, operation)
    return tree.new_variation(conditions=[*tree.conditions, condition])


def _is_as_expected(key: str, value: Any) -> bool:
    if isinstance(value, bool) or key == FLAG:
        return isinstance(value, bool) and key == FLAG
    return isinstance(value, (int, float) if key in TYPES else str)


def _in_sqlite(key: str, value: Any, operation: Operation) -> Any:
    path = literal_column(f"'{_path(key)}'")
    type_ = Integer() if key == FLAG else TYPES.get(key, Unicode())  # SQLite has no type for true
    return operation(func.json_extract(orm.Node.metadata_, path, type_=type_), value)


def _text_in_postgresql(key: str, value: Any, operation: Operation) -> Any:
    return operation(_in_postgresql(key, "#>>", Unicode()), value)


def _number_in_postgresql(key: str, value: Any, operation: Operation) -> Any:
    return operation(_in_postgresql(key, "#>", JSONB()), type_coerce(value, JSONB()))


def _in_postgresql(key: str, operator: str, type_: Any) -> Any:
    path = literal_column("'{" + key.replace(".", ",") + "}'")
    return orm.Node.metadata_.op(operator, return_type=type_)(path)


_SQLITE = dict.fromkeys((*COMMON, *RARE, *TYPES, FLAG), _in_sqlite)
_POSTGRESQL = dict.fromkeys(COMMON, _text_in_postgresql) | dict.fromkeys(TYPES, _number_in_postgresql)
"""Not what is rare: Tiled's index of all metadata finds it."""


def create_indexes(database: Path) -> None:
    """Create the indexes of log entries in a SQLite catalogue, where they are missing."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for name, (present, fields) in INDEXES.items():
            columns = [each if each == "id" else _extract(each) for each in fields]
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {name} ON nodes (parent, {', '.join(columns)}) "
                f"WHERE {_extract(present)} IS NOT NULL"
            )


def _extract(key: str) -> str:
    return f"json_extract(metadata, '{_path(key)}')"


def _path(key: str) -> str:
    return ".".join(["$", *(f'"{each}"' for each in key.split("."))])
