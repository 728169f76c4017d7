"""`archdsl latency build`: measures a table."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import click

from archdsl.cli.latency.options import (
    TABLE,
    json_option,
    spec_argument,
    stale_option,
    target_of,
    timer_of,
    timing_options,
)
from archdsl.cli.reporting import Bar
from archdsl.cli.set_option import SetCommand
from archdsl.report.duration import duration
from archdsl.report.numbers import plural


@click.command(cls=SetCommand)
@spec_argument
@timing_options
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path), default=TABLE,
    show_default=True, metavar="FILE", help="The table file; existing rows are kept.",
)  # fmt: skip
@click.option(
    "--passes", type=click.IntRange(2, 100), default=5, show_default=True, help="Measurement rounds."
)
@click.option(
    "--most", type=click.IntRange(1), default=2000, show_default=True,
    help="Maximum number of networks sampled to find the distinct ops of a space.",
)  # fmt: skip
@stale_option
@json_option
def build(
    spec: str, name: str | None, settings: dict[str, Any], image: str | None, backend: str, threads: int,
    device: str, path: Path, passes: int, most: int, allow_stale: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure each distinct op of a space, or of a network, once.

    Run the command again to resume an interrupted run.
    """
    from dataclasses import replace

    from archdsl.devices import build as building
    from archdsl.devices.keys import network_keys, space_keys
    from archdsl.devices.rounds import TimingPlan
    from archdsl.program import Space

    target = target_of(spec, name, settings, image)
    timer = timer_of(backend, threads, device)
    begin = time.monotonic()
    found = None
    if isinstance(target, Space):
        found = space_keys(target, random.Random(0), most=most)
        units = list(found.units.values())
        given = target.settings
    else:
        units, given = list(network_keys([target]).values()), target.graph.settings
    plan = replace(TimingPlan(), rounds=passes)
    if found is not None and not as_json:
        click.echo(_coverage(found), err=True)
    if not as_json:
        least = len(units) * passes * plan.seconds
        click.echo(f"timing {plural(len(units), 'row')}, at least {duration(least)}", err=True)
    with Bar() as bar:
        made = building.build(
            path, units, timer, plan=plan, start=building.new_table(timer, target.name, given),
            stale=allow_stale, progress=lambda p: bar.show(p.row.op, p.share, p.seconds_left),
        )  # fmt: skip
    seconds = time.monotonic() - begin
    failed = building.failed_rows(made)
    noisy = [row for row in made.rows if row.noisy]
    if as_json:
        from archdsl.render.json import document

        click.echo(
            document(
                "latency-build", table=str(path), rows=len(made.rows), seconds=round(seconds, 2),
                networks_drawn=found.networks if found else 1,
                new_keys_per_network=found.new_per_network if found else 0.0,
                disturbed=round(building.disturbed(made), 3),
                retimed=sum(row.retimed > 0 for row in made.rows), noisy=[row.key for row in noisy],
                failed=[{"key": r.key, "op": r.op, "inputs": r.inputs, "why": r.failed} for r in failed],
            ),
            nl=False,
        )  # fmt: skip
        return
    for row in failed:
        click.echo(f"failed: {row.op} {row.inputs}: {row.failed}", err=True)
    if building.disturbed(made) > 0.1:
        click.echo(f"{building.disturbed(made):.0%} of the runs were disturbed by other programs", err=True)
    if noisy:
        click.echo(
            f"{plural(len(noisy), 'row')} varied by more than 5 % even when timed again: the machine is busy",
            err=True,
        )
    click.echo(f"wrote {path}: {plural(len(made.rows), 'row')} in {duration(seconds)}", err=True)


def _coverage(found: Any) -> str:
    drawn = f"{plural(len(found.units), 'key')} in {plural(found.networks, 'network')}"
    if found.rare == 0:
        return f"{drawn}, each seen more than once"
    return f"{drawn}; about {found.new_per_network:.2g} new ones per further network"
