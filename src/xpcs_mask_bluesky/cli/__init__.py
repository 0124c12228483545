"""The command ``xpcs-mask``; one module for each of its commands."""

import typer

from xpcs_mask_bluesky.cli import demo, report, serve, show

app = typer.Typer(
    name="xpcs-mask",
    help="Masks and Q-partitions for XPCS, made from Bluesky runs and served through Tiled.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("report")(report.report)
app.command("serve")(serve.serve)
app.command("show")(show.show)
