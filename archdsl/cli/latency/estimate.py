"""`archdsl latency estimate`: the latency of networks by a table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import click

from archdsl.cli import opening
from archdsl.cli.latency.options import (
    Backend,
    demand_outputs_free,
    json_option,
    report_option,
    settings_with,
    spec_argument,
    stale_option,
    table_option,
    write_output,
)
from archdsl.cli.outputs import overwrite_option
from archdsl.cli.set_option import SetCommand
from archdsl.cli.unread import demand_read


@click.command(cls=SetCommand)
@spec_argument
@table_option(exists=True)
@click.option(
    "--samples", type=click.IntRange(1, 1_000_000), default=200, show_default=True,
    help="Number of random networks to estimate, if SPEC is a space.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of these networks.")
@click.option("--backend", type=Backend(), help="Reject a table of another backend.")
@click.option(
    "--threads", type=click.IntRange(1, 1024), help="Reject a table with another number of threads."
)
@report_option
@overwrite_option
@stale_option
@json_option
@click.pass_context
def estimate(
    ctx: click.Context, spec: str, name: str | None, settings: dict[str, Any], image: str | None,
    path: Path, samples: int, seed: int, backend: str | None, threads: int | None, report: Path | None,
    overwrite: bool, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Estimate the latency of a network by layer, or the distribution over a space.

    Rows that the table lacks are listed, not guessed. The exit code is 1 if rows are missing, or if the
    network violates a requirement on latency or rate.
    """
    from archdsl.cli.latency import text
    from archdsl.devices import estimate as estimating
    from archdsl.devices.requirement import judge
    from archdsl.program import Space

    program = opening.load(spec)
    demand_outputs_free(program, path, overwrite, html=report)
    table, stale = estimating.read_table(path, allow_stale=allow_stale, backend=backend, threads=threads)
    target = opening.target(program, name, settings_with(settings, image))
    if isinstance(target, Space):
        rng = random.Random(seed)
        networks = [target.bind(target.sample(rng)) for _ in range(samples)]
        found = [estimating.estimate(n, table, stale) for n in networks]
        write = text.space_json if as_json else text.space_text
        click.echo(write(target, networks, found), nl=False)
        if report is not None:
            write_output(report, text.space_page(target, networks, found))
        ctx.exit(1 if all(f.missing for f in found) else 0)
    demand_read("is of random networks, and requires a space", "samples", "seed")
    one = estimating.estimate(target, table, stale)
    judged = judge(target, one)
    write_one = text.estimate_json if as_json else text.estimate_text
    click.echo(write_one(one, judged), nl=False)
    if report is not None:
        write_output(report, text.estimate_page(one))
    ctx.exit(1 if one.missing or any(j.met is False for j in judged) else 0)
