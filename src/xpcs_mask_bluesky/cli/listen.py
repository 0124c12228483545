"""``xpcs-mask listen``."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import NO, CatalogOption, PathOption, place, reported
from xpcs_mask_bluesky.cli.points import moment
from xpcs_mask_bluesky.cli.watch_options import (
    ExportOption,
    NameOption,
    PresetOption,
    RecipeOption,
    SourceOption,
    ValuesOption,
    WatchedOption,
    WatchOption,
    watch_list,
)

if TYPE_CHECKING:
    from xpcs_mask_bluesky.callbacks.watchlist import WatchList
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.service.intake import Input
    from xpcs_mask_bluesky.service.position import Position

RUNS_KEY = "XPCS_MASK_RUNS_API_KEY"
"""Variable with the key of the server that ``--tiled`` names, where that is not the catalogue's."""


@dataclass(frozen=True, kw_only=True)
class _From:
    """Where documents come from, as the options say it."""

    zmq: str | None
    prefix: str
    curve: tuple[Path, Path] | None
    tiled: str | None
    runs: str
    files: Path | None
    pattern: str | None
    kafka: str | None
    topic: str | None
    group: str | None
    kafka_config: Path | None
    since: str | None
    once: bool
    position: Path | None

    def check(self) -> None:
        """Raise ``ValueError`` unless exactly one input is named."""
        named = [each for each in (self.zmq, self.tiled, self.files, self.kafka) if each is not None]
        if len(named) != 1:
            raise ValueError(
                f"expected one of --zmq, --tiled, --files and --kafka, not {len(named)}; "
                "each input has a process of its own"
            )
        if (self.kafka is None) != (self.topic is None):
            raise ValueError("--kafka BROKERS and --topic TOPIC belong together")
        if self.once and (self.zmq or self.kafka):
            raise ValueError("--once is for --tiled and --files, which know what is there")
        if self.since is not None and self.zmq:
            raise ValueError("--since: 0MQ keeps nothing of what was sent before")

    @property
    def moment(self) -> float:
        """From when on a new input counts, seconds since the epoch."""
        if self.since is None:
            return 0.0 if self.once else time.time()
        if self.since == "all":
            return 0.0
        found = moment(self.since)
        if isinstance(found, int):
            raise ValueError(f"--since is {self.since!r}; expected a time such as 2026-11-25T03:00, or all")
        return found


def listen(  # noqa: PLR0917  typer's options
    catalog: CatalogOption,
    path: PathOption = "xpcs",
    zmq: Annotated[
        str | None, typer.Option("--zmq", metavar="HOST:PORT", help="Outgoing side of bluesky's 0MQ proxy.")
    ] = None,
    tiled: Annotated[
        str | None, typer.Option("--tiled", metavar="URI|DIR", help="Tiled server with runs.")
    ] = None,
    files: Annotated[
        Path | None, typer.Option("--files", metavar="DIR", help="Where *_metadata.hdf files appear.")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option("--kafka", metavar="BROKERS", help="HOST:PORT, several with commas.")
    ] = None,
    watch: WatchOption = None,
    detector: WatchedOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    values: ValuesOption = None,
    recipe: RecipeOption = None,
    name: NameOption = "default",
    export_to: ExportOption = None,
    prefix: Annotated[str, typer.Option(help="For --zmq: of the publisher that counts.")] = "",
    curve: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="OWN SERVER", help="For --zmq: our secret and the proxy's public key file."),
    ] = None,
    runs: Annotated[str, typer.Option(help="For --tiled: container of the runs.")] = "raw",
    pattern: Annotated[str | None, typer.Option(help="For --files: of their names.")] = None,
    topic: Annotated[str | None, typer.Option(help="For --kafka: of the documents.")] = None,
    group: Annotated[str | None, typer.Option(help="For --kafka: by default one for the catalogue.")] = None,
    kafka_config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For --kafka: YAML of librdkafka's settings.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|all", help="For an input that is new here: what began before is left alone."
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Take what is there, then end (for --tiled and --files).")
    ] = False,
    position: Annotated[
        Path | None, typer.Option(metavar="FILE", help="How far was read; by default beside the spool.")
    ] = None,
) -> None:
    """Publish partitions for runs whose documents come from elsewhere, until TERM or Ctrl-C.

    Status 0 if all went out, 3 if something waits in the spool for the next start.

    Example: xpcs-mask listen --zmq 127.0.0.1:5578 --catalog /data/xpcs --watch watch.yml
    """
    given = _From(
        zmq=zmq,
        prefix=prefix,
        curve=curve,
        tiled=tiled,
        runs=runs,
        files=files,
        pattern=pattern,
        kafka=kafka,
        topic=topic,
        group=group,
        kafka_config=kafka_config,
        since=since,
        once=once,
        position=position,
    )
    with reported("listen"):
        given.check()
        watched = watch_list(
            watch,
            detector=detector,
            preset=preset,
            source=source,
            values=values,
            recipe=recipe,
            name=name,
            export_to=export_to,
        )
        done = _listened(given, watched, catalog, path)
    raise typer.Exit(0 if done else NO)


def _listened(given: _From, watched: WatchList, catalog: str, path: str) -> bool:
    """Listen until a signal, or to the end; return whether all went out."""
    from xpcs_mask_bluesky.callbacks.callback import PartitionCallback
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.service.listener import listen as run

    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    with ExitStack() as open_things:
        found = open_things.enter_context(MaskCatalog.open(place(catalog), path=path))
        documents = _input(given, watched, found, open_things)
        callback = watched.watch(PartitionCallback(found))
        return run(documents, callback, stop, say=typer.echo)


def _input(given: _From, watched: WatchList, catalog: MaskCatalog, open_things: ExitStack) -> Input:
    """Return the one input that the options name."""
    if given.zmq is not None:
        from xpcs_mask_bluesky.service.zmq_input import Curve, ZmqInput

        return ZmqInput(given.zmq, prefix=given.prefix, curve=given.curve and Curve(*given.curve))
    if given.kafka is not None:
        return _kafka(given, catalog)
    if given.files is not None:
        from xpcs_mask_bluesky.service.files_input import PATTERN, FilesInput

        directory = given.files.expanduser().resolve()
        return FilesInput(
            directory,
            watched.detectors,
            _position(given, catalog, open_things, f"files {directory}"),
            pattern=given.pattern or PATTERN,
            since=given.moment,
            once=given.once,
        )
    return _tiled(given, catalog, open_things)


def _tiled(given: _From, catalog: MaskCatalog, open_things: ExitStack) -> Input:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.service.tiled_input import TiledInput

    where = place(given.tiled or "")
    server = open_things.enter_context(MaskCatalog.open(where, api_key=os.environ.get(RUNS_KEY)))
    shown = server.uri if server.directory is None else str(server.directory)
    return TiledInput(
        lambda: server.client,
        given.runs,
        where=shown,
        position=_position(given, catalog, open_things, f"tiled {shown} {given.runs}"),
        since=given.moment,
        once=given.once,
    )


def _kafka(given: _From, catalog: MaskCatalog) -> Input:
    from xpcs_mask_bluesky.service.kafka_input import KafkaInput, read_settings

    if given.since not in {None, "all"}:
        raise ValueError(f"--since is {given.since!r}; a topic takes only 'all'")
    return KafkaInput(
        given.kafka or "",
        given.topic or "",
        group=given.group or f"xpcs-mask-{_short(f'{catalog.spool_directory} {catalog.path}')}",
        earliest=given.since == "all",
        settings=None if given.kafka_config is None else read_settings(given.kafka_config),
    )


def _position(given: _From, catalog: MaskCatalog, open_things: ExitStack, of: str) -> Position:
    from xpcs_mask_bluesky.service.position import Position

    path = given.position
    if path is None:
        beside = catalog.spool_directory.parent / "listen"
        path = beside / f"{_short(f'{catalog.path} {of}')}.sqlite"
    position = Position(path, of)
    open_things.callback(position.close)
    return position


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
