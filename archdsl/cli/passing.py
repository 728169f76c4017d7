"""The option `--passes`, which applies a pipeline of passes to a space or network before output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archdsl.report.numbers import plural

if TYPE_CHECKING:
    from archdsl.passes.pipeline import Pipeline, Step
    from archdsl.program import Network, Space


def passes_options(command: Any) -> Any:
    """Adds `--passes` to a command, with options to print and verify the steps."""
    options = [
        click.option(
            "--passes", metavar="PIPELINE",
            help="Run these passes instead of the default ones, e.g. 'deploy, simplify' (archdsl passes).",
        ),
        click.option(
            "--verify", is_flag=True, help="With --passes: verify the graph and the contract of each pass."
        ),
        click.option(
            "--print-after-all", is_flag=True, help="With --passes: print the graph after each pass (stderr)."
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def piped(
    target: Space | Network, pipeline: Pipeline, verify: bool = False, printing: bool = False
) -> Space | Network:
    """Applies a pipeline to a space or network; returns the result.

    Results of analyses, and with `printing` the graph after each transform, are printed to standard error.
    """
    from archdsl.passes.verifying import verified
    from archdsl.program import Space

    graph = target.graph if isinstance(target, Space) else target.bound
    for step in pipeline.steps(graph, verify=verified if verify else None):
        _show(step, printing)
        graph = step.after
    return target.with_graph(graph)


def _show(step: Step, printing: bool) -> None:
    from archdsl.ir.text.writer import dump
    from archdsl.passes.base import Analysis
    from archdsl.passes.pipeline_text import pass_text

    if isinstance(step.pass_, Analysis):
        click.echo(f"# {pass_text(step.pass_)}\n{step.pass_.text(step.found)}", err=True)
    elif printing:
        counts = f"{plural(len(step.after.nodes), 'node')}, {len(step.before.nodes)} before"
        click.echo(f"# after {pass_text(step.pass_)}: {counts}\n{dump(step.after)}", err=True)
