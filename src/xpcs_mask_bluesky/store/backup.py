"""Runs in files of JSON lines, one ``{"name": …, "doc": …}`` a line: what Tiled did not take.

The files of Bluesky's own TiledWriter are the same, but for their name, which is the first part of the
run's uid, and for the pages in which events stand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

UNROUTED = "unrouted.jsonl"
"""Documents of runs whose start was not seen; nobody can put them back by themselves."""


class JsonLines:
    """Append documents to a file, one a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *documents: tuple[str, Any]) -> None:
        """Write documents, each with its name, or none; what JSON cannot tell of one is told as text.

        Raises:
            OSError: the disk refuses.
        """
        lines = [json.dumps({"name": name, "doc": doc}, default=repr) + "\n" for name, doc in documents]
        data = memoryview("".join(lines).encode())
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                while data:
                    data = data[file.write(data) :]
            except OSError:
                file.truncate(before)
                raise


class NotWhole(ValueError):  # noqa: N818
    """A file does not hold a run from its start to its stop."""


@dataclass(frozen=True)
class KeptRun:
    """A run as a file holds it, from its start to its stop."""

    uid: str
    documents: tuple[tuple[str, Mapping[str, Any]], ...]

    def of(self, *names: str) -> Iterator[Mapping[str, Any]]:
        """Yield the documents of these names."""
        return (doc for name, doc in self.documents if name in names)

    @property
    def stop(self) -> Mapping[str, Any]:
        """Its last document."""
        return self.documents[-1][1]

    def events(self) -> Iterator[Mapping[str, Any]]:
        """Yield its events, those of pages one by one."""
        from event_model import unpack_event_page

        for name, doc in self.documents:
            if name == "event":
                yield doc
            elif name == "event_page":
                yield from unpack_event_page(cast("Any", doc))


def kept_files(directory: Path) -> list[Path]:
    """Return the files of a directory that may hold runs, oldest first."""
    files = [path for path in directory.glob("*.jsonl") if path.name != UNROUTED]
    return sorted(files, key=_modified)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process moved it just now
        return 0.0


def runs_in(path: Path) -> list[KeptRun]:
    """Return the runs of a file; one that stands there twice, once.

    Raises:
        NotWhole: a run has no stop, the last line is cut short, or it is another file.
        FileNotFoundError: another process moved it just now.
    """
    runs: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    documents: list[tuple[str, Mapping[str, Any]]] = []
    for name, doc in _documents(path):
        if name == "start":
            documents = runs[doc["uid"]] = []
        documents.append((name, doc))
    if not runs:
        raise NotWhole("it holds no start of a run")
    for uid, told in runs.items():
        if told[-1][0] != "stop":
            raise NotWhole(
                f"run {uid[:8]} has no stop: it goes on, or the process that recorded it was killed"
            )
    return [KeptRun(uid, tuple(told)) for uid, told in runs.items()]


def _documents(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with path.open() as file:
        for number, line in enumerate(file, start=1):
            try:
                told = json.loads(line)
                yield told["name"], told["doc"]
            except (ValueError, KeyError, TypeError) as error:
                raise NotWhole(f"line {number} is cut short, or no document") from error
