"""`archdsl front`: compares the Pareto fronts of several runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.outputs import Output, demand_free, overwrite_option
from archdsl.report.text_tables import table

if TYPE_CHECKING:
    from archdsl.search.trials.comparing import Compared

_EPILOG = """\b
Examples:
  archdsl front runs/Q -o front.svg
  archdsl front runs/evolution runs/random -o front.svg
  archdsl front runs/evolution runs/random --json

A folder of `search --seeds` is expanded to the runs of all its seeds.
"""


@click.command(epilog=_EPILOG)
@click.argument(
    "runs", type=click.Path(exists=True, file_okay=False, path_type=Path), nargs=-1, required=True,
    metavar="RUN...",
)  # fmt: skip
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.svg",
    help="Write a chart of the fronts (.svg).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print fronts and figures as JSON.")
@overwrite_option
def front(runs: tuple[Path, ...], output: Path | None, as_json: bool, overwrite: bool) -> None:
    """Compare searches by trials with the same objectives: fronts, hypervolumes, best values.

    The hypervolume is the fraction that a front dominates of the box between the best and the worst values of
    all runs. `joint` counts the networks of a run that no network of any run dominates.
    """
    from archdsl import atomic
    from archdsl.search.trials.comparing import compare, histories_of, picture

    if output is not None and output.suffix.lower() != ".svg":
        raise click.UsageError(f"the chart is an SVG file: -o {output.with_suffix('.svg')}")
    histories = histories_of(runs)
    if output is not None:
        inputs = [Path(run, name) for run in histories for name in ("journal.jsonl", "manifest.json")]
        demand_free([Output(output, "svg")], inputs, overwrite)
    compared = compare(histories)
    goals = compared[0].history.goals
    if output is not None:
        atomic.write_text(output, f"{picture(histories, goals)}<!-- archdsl -->\n")
    if as_json:
        from archdsl.render.json import document

        fields = [{"direction": goal.direction, "text": goal.text} for goal in goals]
        click.echo(document("front", goals=fields, runs=list(map(_plain, compared))), nl=False)
        return
    head = ("run", "trials", "failed", "front", "joint", "hypervolume", *(f"best {g.text}" for g in goals))
    numeric = range(1, len(head))
    click.echo(table(head, list(map(_row, compared)), numeric=list(numeric)), nl=False)
    if output is not None:
        click.echo(f"wrote {output}")


def _row(one: Compared) -> list[str]:
    from archdsl.report.charts import short

    best = one.history.best_values()
    volume = "–" if one.volume is None else f"{one.volume:.4f}"
    return [
        one.name, str(len(one.history.trials)), str(_failed(one)), str(len(one.history.front)),
        str(one.joint), volume, *("" if value is None else short(value) for value in best),
    ]  # fmt: skip


def _plain(one: Compared) -> dict[str, Any]:
    return {
        "run": one.name, "trials": len(one.history.trials), "failed": _failed(one),
        "finished": one.history.ended, "hypervolume": one.volume, "joint": one.joint,
        "best": one.history.best_values(),
        "front": [{"number": t.number, "values": list(t.values)} for t in one.history.front],
    }  # fmt: skip


def _failed(one: Compared) -> int:
    return sum(map(len, one.history.failures().values()))
