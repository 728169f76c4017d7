"""`archdsl latency validate`: calibrates a table, and measures its accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from archdsl.cli import opening
from archdsl.cli.latency.options import (
    demand_outputs_free,
    json_option,
    passes_option,
    report_option,
    settings_with,
    spec_argument,
    stale_option,
    table_option,
    timer_of,
    timing_options,
    write_output,
)
from archdsl.cli.outputs import overwrite_option
from archdsl.cli.reporting import Bar
from archdsl.cli.set_option import SetCommand


@click.command(cls=SetCommand)
@spec_argument
@timing_options
@table_option()
@click.option(
    "--networks", type=click.IntRange(10, 10_000), default=50, show_default=True,
    help="Held-out networks for the accuracy.",
)  # fmt: skip
@click.option(
    "--fit", type=click.IntRange(10, 10_000), default=150, show_default=True,
    help="Networks to fit the calibration on.",
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the sampled networks.")
@passes_option(7)
@click.option(
    "--raw", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write measured and predicted latencies of all networks as JSON.",
)  # fmt: skip
@report_option
@overwrite_option
@stale_option
@json_option
def validate(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, path: Path, networks: int, fit: int, seed: int, passes: int, raw: Path | None,
    report: Path | None, overwrite: bool, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure random networks end to end, calibrate the table on some, and validate it on the others.

    The calibration and its error are stored in the table. Rows that the table lacks are measured first.
    """
    from dataclasses import replace

    from archdsl.cli.latency import text
    from archdsl.devices.validate import WHOLE
    from archdsl.devices.validate import validate as run

    program = opening.load(spec)
    demand_outputs_free(program, path, overwrite, json=raw, html=report)
    space = opening.space(program, name, settings_with(settings, image))
    timer = timer_of(backend, threads, device)
    with Bar() as bar:
        found = run(
            space, path, timer, held_out=networks, fit=fit, seed=seed, stale=allow_stale,
            whole=replace(WHOLE, rounds=passes),
            progress=lambda s: bar.show(f"timing {s.what}", s.share, s.seconds_left),
        )  # fmt: skip
    if raw is not None:
        write_output(raw, text.validation_json(space, found, raw=True))
    if report is not None:
        write_output(report, text.validation_page(space, found))
    if as_json:
        click.echo(text.validation_json(space, found), nl=False)
    else:
        click.echo(text.validation_text(space, found, path), nl=False)
