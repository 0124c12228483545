"""``xpcs-mask serve``."""

from pathlib import Path
from typing import Annotated

import typer


def serve(
    directory: Annotated[Path, typer.Argument(help="Of the catalogue.")],
) -> None:
    """Serve a catalogue until interrupted, for all processes that open its directory.

    Example: xpcs-mask serve /data/xpcs
    """
    from xpcs_mask_bluesky.server.app import main

    raise typer.Exit(main([str(directory), "--stay"]))
