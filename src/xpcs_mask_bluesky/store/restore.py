"""Put runs of ``backup/`` into Tiled once it is back; a file leaves when all of it is verifiably there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from xpcs_mask_bluesky.store.backup import KeptRun, NotWhole, kept_files, runs_in
from xpcs_mask_bluesky.store.errors import CatalogUnavailable, is_away
from xpcs_mask_bluesky.store.resume import Resumed, seq_nums

RESTORED = "restored"
"""The directory, beside the files, of those whose runs are in Tiled."""
LOCK_FILE = "restore.lock"
ROWS_AT_ONCE = 10_000


class NotArrived(RuntimeError):  # noqa: N818
    """Tiled took a run without an error, and does not hold all of it."""


@dataclass(frozen=True)
class Restored:
    """What became of one file."""

    path: Path
    """Where it is now."""
    runs: tuple[str, ...] = ()
    """The uids of its runs, if all of them are in Tiled."""
    problem: str = ""
    """Why it stays where it was."""
    whole: bool = True
    """Whether it could be put into Tiled another time: it holds its runs to their stop."""

    def describe(self) -> str:
        """Return one line."""
        if self.problem:
            return f"{self.path} stays: {self.problem}"
        return f"{', '.join(uid[:8] for uid in self.runs)}: in Tiled; the file is {self.path} now"


def restore_runs(
    runs: Any, directory: Path, *, wanted: Callable[[Path], bool] = lambda path: True
) -> Iterator[Restored]:
    """Yield what became of each file, after putting its runs into Tiled.

    A run that is there in part is completed and one that is there is left alone, so that it may be tried
    as often as one likes, by several processes: one at a time does it.

    Args:
        runs: The Tiled container of runs.
        directory: Of the files.
        wanted: Whether to look into a file.

    Raises:
        CatalogUnavailable: Tiled is away; what lacks waits for another time.
        TimeoutError: another process restores the same directory.
    """
    if not kept_files(directory):
        return
    with _one_at_a_time(directory):
        for path in kept_files(directory):
            if wanted(path):
                yield _restore_file(runs, path)


@contextmanager
def _one_at_a_time(directory: Path) -> Iterator[None]:
    lock = FileLock(directory / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TimeoutError(f"another process puts the runs of {directory} into Tiled at present") from error
    try:
        yield
    finally:
        lock.release()


def _restore_file(runs: Any, path: Path) -> Restored:
    try:
        kept = runs_in(path)
        for run in kept:
            _restore_run(runs, run)
    except NotWhole as error:
        return Restored(path, problem=str(error), whole=False)
    except Exception as error:  # the boundary to TiledWriter, which raises whatever documents make it raise
        if is_away(error):
            raise CatalogUnavailable(f"Tiled does not take runs at present: {error}") from error
        return Restored(path, problem=f"{type(error).__name__}: {error}")
    there = path.parent / RESTORED
    there.mkdir(exist_ok=True)
    return Restored(path.replace(there / path.name), tuple(run.uid for run in kept))


def _restore_run(runs: Any, run: KeptRun) -> None:
    from bluesky_tiled_plugins import TiledWriter

    if not lacking(runs, run):
        return
    write = TiledWriter(cast("Any", Resumed(runs)), batch_size=ROWS_AT_ONCE)
    for name, doc in run.documents:
        write(name, doc)
    if what := lacking(runs, run):
        raise NotArrived(f"run {run.uid[:8]} was written, and Tiled still lacks {what}")


def lacking(runs: Any, run: KeptRun) -> str:
    """Return what Tiled lacks of a run; empty if nothing."""
    try:
        node = runs[run.uid]
    except KeyError:
        return "all of it"
    if (node.metadata.get("stop") or {}).get("uid") != run.stop["uid"]:
        return "its stop"
    for stream, (numbers, keys) in _contents(run).items():
        try:
            held = node[stream].base
        except KeyError:
            return f"the stream {stream!r}"
        if rows := len(numbers - _seq_nums(held)):
            return f"{rows} of {len(numbers)} events of the stream {stream!r}"
        if keys - set(held):
            return f"{', '.join(sorted(keys - set(held)))} of the stream {stream!r}"
    return ""


def _seq_nums(stream: Any) -> set[int]:
    table = next((key for key in ("internal", "internal_0") if key in stream), None)
    return set() if table is None else seq_nums(stream[table])


def _contents(run: KeptRun) -> dict[str, tuple[set[int], set[str]]]:
    """Return, by stream, the numbers of its events and the data keys of its files."""
    streams = {doc["uid"]: doc["name"] for doc in run.of("descriptor")}
    key_of = {doc["uid"]: doc["data_key"] for doc in run.of("stream_resource")}
    numbers: dict[str, set[int]] = defaultdict(set)
    keys: dict[str, set[str]] = defaultdict(set)
    for event in run.events():
        numbers[streams[event["descriptor"]]].add(event["seq_num"])
    for datum in run.of("stream_datum"):
        keys[streams[datum["descriptor"]]].add(key_of[datum["stream_resource"]])
    return {stream: (numbers[stream], keys[stream]) for stream in streams.values()}
