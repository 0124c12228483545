"""The command ``xpcs-mask``; one module for each of its commands."""

import typer

from xpcs_mask_bluesky.cli import check, demo, serve

app = typer.Typer(
    name="xpcs-mask",
    help="Masks and Q-partitions for XPCS, made from Bluesky runs and served through Tiled.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
