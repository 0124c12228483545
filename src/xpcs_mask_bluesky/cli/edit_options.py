"""What the commands that edit a mask share: who, why, which layer, and what they print of it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xpcs_mask_bluesky.cli.catalog_option import opened, the_detector

if TYPE_CHECKING:
    from xpcs_mask_bluesky.store.clients import XPCSDetector
    from xpcs_mask_bluesky.store.edit import Edit
    from xpcs_mask_bluesky.store.state import Layer

AuthorOption = Annotated[str | None, typer.Option(help="By default your login name.")]
ReasonOption = Annotated[str, typer.Option(help="For the log.")]
LayerOption = Annotated[str, typer.Option(metavar="mask|blemish", help="The blemish is the detector's own.")]
ExpectOption = Annotated[
    int | None,
    typer.Option(metavar="REVISION", help="Do nothing if the layer was edited after this log entry."),
]


def edited(
    command: str,
    place: tuple[str, str, str | None],
    how: tuple[str, str | None, str, int | None],
    change: Callable[[Edit, XPCSDetector], None],
    *,
    as_json: bool,
) -> None:
    """Edit one layer of a detector as one log entry, and print what is in force then.

    Args:
        command: Its name.
        place: Catalogue, path and detector, as the options give them.
        how: Layer, author, reason and expected revision, as the options give them.
        change: Does it, on an edit that is staged.
        as_json: Print facts as JSON.
    """
    layer, author, reason, expected = how
    catalog, path, detector = place
    with opened(command, catalog, path) as found:
        node = the_detector(found, detector)
        staged = node.edit(author, layer=_layer(layer), reason=reason)
        with _told(command), staged as edit:
            _check_expected(node, layer, expected)
            before = edit.history
            change(edit, node)
        if edit.history == before:
            raise LookupError("nothing was changed, and nothing is committed")
        entry = node.log(layer)[-1]
        facts = {
            "detector": node.name,
            "layer": layer,
            "revision": entry.seq,
            "author": entry.author,
            "reason": entry.reason,
            "did": entry.body["words"],
            "operations": [each.model_dump(mode="json") for each in edit.operations],
        }
        words = f"{node.name}, {layer}, revision {entry.seq}: {entry.body['words']}\n{edit.history!r}"
    typer.echo(json.dumps(facts) if as_json else words)


@contextmanager
def _told(command: str) -> Iterator[None]:
    """Say in a line each what is warned of: a shape that is clipped, a mask that rejects most."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for each in caught:
        typer.echo(f"xpcs-mask {command}: WARNING: {each.message}", err=True)


def _layer(name: str) -> Layer:
    from xpcs_mask_bluesky.store.state import LAYERS

    for layer in LAYERS:
        if layer == name:
            return layer
    raise ValueError(f"--layer is {name!r}; expected {' or '.join(LAYERS)}")


def _check_expected(node: XPCSDetector, layer: str, expected: int | None) -> None:
    """Raise a conflict if somebody edited the layer after the entry that the caller knows."""
    from xpcs_mask_bluesky.store.errors import Conflict

    if expected is None:
        return
    head = node.state.latest().heads.get(layer, 0)
    if head <= expected:
        return
    (entry,) = [each for each in node.log(layer) if each.seq == head]
    raise Conflict(
        f"--expect is {expected}, but {entry.author or 'somebody'} has meanwhile committed entry {head}: "
        f"{entry.body['words']}; nothing was stored; look, and say --expect {head} if it still fits",
        entry=entry,
    )


def once_or_more(act: Callable[[], Any], steps: int) -> None:
    """Do something ``steps`` times."""
    for _ in range(steps):
        act()
