"""``xpcs-mask restore-runs``."""

from __future__ import annotations

import json

import typer

from xpcs_mask_bluesky.cli.catalog_option import NO, CatalogOption, JsonOption, PathOption, opened


def restore_runs(catalog: CatalogOption, path: PathOption = "xpcs", as_json: JsonOption = False) -> None:
    """Put runs that Tiled did not take, kept in backup/, into it; status 3 if some stay there.

    A running profile does so by itself. A run that is there in part is completed, none is doubled; a file
    moves to backup/restored only when all of it is in Tiled.

    Example: xpcs-mask restore-runs --catalog /data/xpcs
    """
    with opened("restore-runs", catalog, path) as found:
        told = found.restore_runs()
        where = found.backup_directory
    if as_json:
        facts = [{"file": str(each.path), "runs": each.runs, "problem": each.problem} for each in told]
        typer.echo(json.dumps({"directory": str(where), "files": facts}))
    else:
        typer.echo("\n".join(each.describe() for each in told) or f"no run waits in {where}")
    raise typer.Exit(NO if any(each.problem for each in told) else 0)
