"""The option `archdsl search --dry-run`: forecasts the costs and duration of a search; writes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli import opening
from archdsl.report.charts import short
from archdsl.report.numbers import plural

if TYPE_CHECKING:
    from archdsl.program import Program
    from archdsl.search.options import SearchOptions


def dry_run(spec: str, options: SearchOptions, seeds: int) -> int:
    """Prints the costs and duration of a search, repeated for `seeds` seeds; returns the exit code."""
    from archdsl.search.dispatch import by_trials
    from archdsl.search.options import with_clauses

    if any(source.path is None for source in options.tables):
        help = "omit --table auto, or build a table first: archdsl latency build"
        raise click.UsageError(f"--dry-run does not time ops: {help}")
    with with_clauses(opening.load(spec), options) as (program, options):
        if by_trials(program, options):
            _print_trials(program, options)
        else:
            _print_steps(program, options)
    if seeds > 1:
        click.echo(f"{seeds} seeds, run sequentially, take {seeds} times this duration")
    click.echo("nothing was written")
    return 0


def _print_trials(program: Program, options: SearchOptions) -> None:
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.search_text import time_line
    from archdsl.search.trials.forecast import forecast

    found = forecast(program, options, TerminalReporter())
    config = found.config
    strategy, evaluator = config.strategy.name, config.evaluator.name
    click.echo(
        f"{config.goals.name}: {plural(config.trials, 'trial')} over {plural(found.decisions, 'decision')} of"
        f" {config.goals.space}, proposed by `{strategy}` and evaluated by `{evaluator}`"
    )
    if found.costs:
        ranges = [_range(name, values) for name, values in found.costs.items()]
        count = len(next(iter(found.costs.values())))
        click.echo(f"{plural(count, 'random network')}: {'; '.join(ranges)}")
    if found.failed is not None:
        click.echo(f"warning: a network could not be evaluated: {found.failed}", err=True)
    click.echo(time_line(found, options.engine.workers))


def _range(name: str, values: Sequence[float]) -> str:
    middle = values[len(values) // 2]
    return f"{name} {short(values[0])} to {short(values[-1])}, median {short(middle)}"


def _print_steps(program: Program, options: SearchOptions) -> None:
    """Prints what the search prints at its beginning, by running it in a temporary folder."""
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.searching import print_start
    from archdsl.search.run import prepared

    with tempfile.TemporaryDirectory(prefix="archdsl-") as name:
        aside = replace(options, folder=Path(name) / "run")
        with prepared(program, aside, TerminalReporter()) as search:
            print_start(search)
