"""`archdsl runs`: lists the runs of a folder with progress and results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.report.duration import duration
from archdsl.report.text_tables import table

if TYPE_CHECKING:
    from archdsl.search.overview import Overview

_EPILOG = """\b
Examples:
  archdsl runs
  archdsl runs runs/sweep
  archdsl runs --json
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="runs",
    metavar="[FOLDER]",
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def runs(folder: Path, as_json: bool) -> None:
    """List searches and trainings in FOLDER (default: runs) and up to three levels below.

    A run is `running` while a process holds its folder; otherwise `finished`, or `interrupted`, and then
    --resume resumes it.
    """
    from archdsl.cli.findings import print_findings
    from archdsl.search.overview import runs_in

    found, unread = runs_in(folder)
    for error in unread:
        print_findings(error.diagnostics, err=True)
    if as_json:
        from archdsl.render.json import document

        click.echo(document("runs", folder=str(folder), runs=list(map(_plain, found))), nl=False)
    elif not found:
        click.echo(f"no run in {folder}")
    else:
        head = ("run", "name", "strategy", "done", "state", "failed", "time", "best")
        click.echo(table(head, list(map(_row, found)), numeric=(5,)), nl=False)


def _row(one: Overview) -> list[str]:
    planned = "" if one.planned is None else f"/{one.planned}"
    strategy = one.strategy if one.kind == "search" else "(training)"
    return [
        str(one.folder), one.name, strategy, f"{one.done}{planned} {one.unit}", one.state,
        f"{one.failed or ''}", "" if one.seconds is None else duration(one.seconds), one.best_text,
    ]  # fmt: skip


def _plain(one: Overview) -> dict[str, Any]:
    return {
        "run": str(one.folder), "kind": one.kind, "name": one.name, "strategy": one.strategy or None,
        "unit": one.unit, "done": one.done, "planned": one.planned, "state": one.state,
        "failed": one.failed, "seconds": one.seconds, "best": dict(one.best),
    }  # fmt: skip
