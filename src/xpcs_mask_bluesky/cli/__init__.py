"""The command ``xpcs-mask``; one module for each of its commands."""

import importlib

import typer

COMMANDS = (
    "apply",
    "check",
    "demo",
    "diff",
    "export",
    "fsck",
    "gc",
    "import_",
    "listen",
    "log",
    "partition",
    "redo",
    "replay",
    "report",
    "restore_runs",
    "runs",
    "serve",
    "show",
    "undo",
    "verify",
)
"""Each the name of a module here and of the function in it; ``_`` ends one that Python keeps for itself,
and stands for ``-``."""

app = typer.Typer(
    name="xpcs-mask",
    help="Masks and Q-partitions for XPCS, made from Bluesky runs and served through Tiled.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for name in COMMANDS:
    app.command(name.rstrip("_").replace("_", "-"))(
        getattr(importlib.import_module(f"{__name__}.{name}"), name)
    )
