"""``xpcs-mask serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xpcs_mask_bluesky.cli.catalog_option import reported


def serve(
    directory: Annotated[Path, typer.Argument(help="Of the catalogue; made if it is not there.")],
    port: Annotated[int, typer.Option(help="By default the last one, else a free one.")] = 0,
) -> None:
    """Serve a catalogue until interrupted, for all processes that open its directory.

    Example: xpcs-mask serve /data/xpcs
    """
    with reported("serve"):
        from xpcs_mask_bluesky.server.app import main
        from xpcs_mask_bluesky.server.connection import ALREADY_SERVED

        status = main([str(directory), "--stay", "--port", str(port)])
        if status == ALREADY_SERVED:
            raise OSError(f"{directory} is served by another process already; it is open to all who ask it")
    raise typer.Exit(status)
