"""`archdsl latency import`: reads a table of another program."""

from __future__ import annotations

from pathlib import Path

import click

from archdsl.cli.latency.options import (
    json_option,
)
from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.report.numbers import plural


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--mapping", required=True, metavar="NAME",
    help="Mapping from ops to the names of its rows: fasterseg, fasterseg_released (as in the released code, "
    "zoomed convolutions have the rows of plain ones), or a JSON file.",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE",
    help="Output table.",
)  # fmt: skip
@overwrite_option
@json_option
def import_(file: Path, mapping: str, output: Path, overwrite: bool, as_json: bool) -> None:
    """Import a third-party table: a JSON object of names and milliseconds."""
    from archdsl.devices import foreign, table

    demand_free([Output(output, "table")], [file, Path(mapping)], overwrite)
    by = foreign.mapping(mapping)
    made = foreign.import_table(file, by)
    table.write(made, output)
    if as_json:
        from archdsl.render.json import document

        text = document(
            "latency-import", table=str(output), rows=len(made.rows), device=by.device,
            runtime=by.runtime, notes=by.notes, final_upsampling=by.final_upsampling,
        )  # fmt: skip
        click.echo(text, nl=False)
        return
    click.echo(f"wrote {output}: {plural(len(made.rows), 'row')} of {by.device}, {by.runtime}", err=True)
    for note in by.notes:
        click.echo(f"note: {note}", err=True)
