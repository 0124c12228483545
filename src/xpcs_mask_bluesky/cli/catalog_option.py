"""How every command names its catalogue and detector, and says in one line what went wrong.

A command takes ``catalog: CatalogOption``, ``path: PathOption = "xpcs"`` and, where it needs one,
``detector: DetectorOption = None``, and works within::

    with opened("check", catalog, path) as found:
        node = the_detector(found, detector)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from xpcs_mask_bluesky.catalog import MaskCatalog
    from xpcs_mask_bluesky.store.clients import XPCSDetector

CatalogOption = Annotated[
    str,
    typer.Option(
        "--catalog",
        envvar="XPCS_MASK_CATALOG",
        metavar="DIR|URI",
        help="Directory of the catalogue, or http address of its Tiled server (key: TILED_API_KEY).",
    ),
]
PathOption = Annotated[str, typer.Option("--path", help="Tiled container that holds the detectors.")]
DetectorOption = Annotated[
    str | None, typer.Option("--detector", help="Its ophyd name; by default the only one there is.")
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]

FAILED = 1
"""Exit status of a command that could not do what it was asked; 2 is typer's, for wrong usage."""
NO = 3
"""Exit status of a command whose answer is no: stale, not what it should be, damaged."""


@contextmanager
def opened(command: str, catalog: str, path: str = "xpcs") -> Iterator[MaskCatalog]:
    """Open a catalogue for a command; any failure within becomes one line and exit status 1.

    Args:
        command: Its name, for the line.
        catalog: A directory that holds a catalogue, or an ``http`` address.
        path: The Tiled container that holds the detectors.
    """
    with reported(command), _errors_only():
        from xpcs_mask_bluesky.catalog import MaskCatalog

        with MaskCatalog.open(place(catalog), path=path) as found:
            _ = found.client  # says now whether it answers
            yield found


@contextmanager
def _errors_only() -> Iterator[None]:
    """Log no warning: what it would say, the line of :func:`reported` says."""
    logger = logging.getLogger("xpcs_mask_bluesky")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def reported(command: str) -> Iterator[None]:
    """Say an expected failure in one line on the standard error, and exit with status 1."""
    from tiled.client.utils import ClientError

    from xpcs_mask_bluesky.store.errors import Conflict, DamagedData

    try:
        yield
    except (ValueError, LookupError, OSError, ImportError, Conflict, DamagedData, ClientError) as error:
        typer.echo(f"xpcs-mask {command}: {words_of(error)}", err=True)
        raise typer.Exit(FAILED) from error


def the_detector(catalog: MaskCatalog, name: str | None) -> XPCSDetector:
    """Return a catalogue's detector by name, or its only one.

    Raises:
        LookupError: there is none of that name, none at all, or several and no name.
    """
    there = sorted(catalog)
    listed = ", ".join(there) or "none"
    if name is None and len(there) != 1:
        raise LookupError(
            f"{catalog.uri} /{catalog.path} has {len(there)} detectors ({listed}); pass --detector"
        )
    if name is not None and name not in there:
        raise LookupError(f"{catalog.uri} /{catalog.path} has no detector {name!r}; there is {listed}")
    return catalog[name or there[0]]


def place(catalog: str) -> str:
    """Return a catalogue's place; a command never makes a catalogue where none is."""
    if catalog.startswith(("http://", "https://")):
        return catalog
    directory = Path(catalog).expanduser()
    if not (directory / "catalog.db").exists():
        raise FileNotFoundError(
            f"{directory} holds no catalogue (no catalog.db in it); is it the right --catalog?"
        )
    return str(directory)


def words_of(error: Exception) -> str:
    """Return an error's message; that of a KeyError is the bare key, and a list of choices has lines."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(_words_of_field(each) for each in error.errors(include_url=False))
    words = f"there is no {error.args[0]!r}" if type(error) is KeyError and error.args else str(error)
    return "; ".join(line.strip() for line in words.splitlines() if line.strip()).replace(":; ", ": ")


def _words_of_field(problem: Mapping[str, Any]) -> str:
    """Return one problem that pydantic found, such as ``circle.radius: Input should be …, not -3``."""
    said = f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": ")
    given = problem.get("input")
    return said if isinstance(given, dict | list | tuple) else f"{said}, not {given!r}"
