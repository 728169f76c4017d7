"""Runs a search from the command line: prints progress and handles interruption."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli import opening
from archdsl.report.duration import duration
from archdsl.report.numbers import plural

if TYPE_CHECKING:
    from archdsl.program import Program
    from archdsl.search.differentiable.driver import Search
    from archdsl.search.options import SearchOptions
    from archdsl.search.progress import SearchProgress
    from archdsl.search.trials.inputs import Inputs


def run_search(spec: str, options: SearchOptions, *, hint: bool = True) -> int:
    """Runs a search; returns the exit code. With `hint`, prints how to resume the search if it is
    interrupted.
    """
    from archdsl.search.dispatch import by_trials
    from archdsl.search.options import with_clauses

    with with_clauses(opening.load(spec), options) as (program, options):
        how = _run_trials if by_trials(program, options) else _run_differentiable
        return how(spec, program, options, hint)


def _run_differentiable(spec: str, program: Program, options: SearchOptions, hint: bool) -> int:
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.search_text import comparison_text, result_text, shown
    from archdsl.cli.stopping import stop_signals
    from archdsl.runs.interrupted import Interrupted
    from archdsl.search.run import finish, prepared

    with prepared(program, options, TerminalReporter()) as search:
        first, folder = search.processes.is_first, search.folder
        if first:
            print_start(search)
            path = search.folder.path
            click.echo(
                f"resuming after step {search.step} in {path}" if search.step else f"writing to {path}"
            )
        try:
            with stop_signals() as stop, shown(search.step, search.steps) as report:
                result = finish(search, _reporting(report, search), stop)
        except Interrupted as stopped:
            if first:
                again = shlex.join(["archdsl", "search", spec, "--resume", str(folder.path)])
                then = f"; resume with: {again}" if hint else ""
                click.echo(f"stopped after step {stopped.step}{then}")
            return 130
        if first:
            for name, one in (result.members or {"": result}).items():
                click.echo(f"{name}: " * bool(name) + result_text(one, search.verdicts[name]))
            if search.baseline is not None:
                epochs, compared = search.epochs_done, search.compared
                click.echo(comparison_text(result.network, search.baseline, compared, epochs))
            for files in map(search.folder_of, search.members):
                written = [files.found, *filter(Path.exists, [files.decoded]), files.weights, files.report]
                click.echo(f"wrote {', '.join(map(str, written))}")
    return 0


def _run_trials(spec: str, program: Program, options: SearchOptions, hint: bool) -> int:
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.search_text import shown, trials_text
    from archdsl.cli.stopping import stop_signals
    from archdsl.runs.interrupted import Interrupted
    from archdsl.search.folder import SearchFolder
    from archdsl.search.trials import run as trials
    from archdsl.search.trials.inputs import inspected_inputs
    from archdsl.search.trials.records import has_ended

    folder = options.folder or Path("runs") / program.search(options.name).name
    paths = SearchFolder(folder)
    finished = options.resume and has_ended(paths.journal)
    reporter = TerminalReporter()
    inputs = inspected_inputs(program, options, reporter)
    if not options.resume:
        _print_trials_forecast(program, options, inputs)
    try:
        with stop_signals() as stop, shown(0, 0) as report:
            found = trials.run(program, options, reporter=reporter, report=report, stop=stop, inputs=inputs)
    except Interrupted as stopped:
        command = options.evaluator_command
        words = ["--command", shlex.join(command)] if command else []
        again = shlex.join(
            ["archdsl", "search", spec, "--resume", str(folder), *words, *options.engine.words()]
        )
        click.echo(f"stopped after {stopped.step} trials" + (f"; resume with: {again}" if hint else ""))
        return 130
    cost = found.costs
    click.echo(f"found {cost['params']:,} parameters, {cost['macs']:,} MACs: {found.how}")
    click.echo(trials_text(found.trials, len(found.front)))
    if finished:
        return 0
    written = [
        paths.found,
        paths.trials,
        *(p for p in (paths.front, paths.pareto) if p.exists()),
        paths.report,
    ]
    click.echo(f"wrote {', '.join(map(str, written))}")
    return 0


def _print_trials_forecast(program: Program, options: SearchOptions, inputs: Inputs) -> None:
    """Prints the estimated duration of a search that trains networks, measured by training one of them."""
    from archdsl.cli.search_text import time_line
    from archdsl.search.trials.forecast import forecast

    if not inputs.config.evaluator_kind.trains:
        return
    found = forecast(program, options, limit_s=_MEASURED_S, inputs=inputs)
    if found.trial_s and found.failed is None:
        click.echo(time_line(found, options.engine.workers))


_MEASURED_S = 10.0
"""The maximum number of seconds for which a network is trained to forecast the duration of a search."""


def print_start(search: Search) -> None:
    """Prints the space, the data and the device of a search, and its estimated duration."""
    config, splits, world = search.config, search.splits, search.processes.world
    for torn, why in search.keeper.passed_over:
        click.echo(f"skipped {torn.name}: {why}", err=True)
    for note in search.journal.notes if search.journal else ():
        click.echo(f"note: {note}", err=True)
    _print_untrained(search)
    height, width = search.crop
    where = f"{search.processes.device}" + (f", {world} processes" if world > 1 else "")
    short = f"; then final training of up to {config.refine} networks for {config.refine_epochs} epochs each"
    then = short if config.refine else ""
    if (baseline := search.baseline) is not None:
        then += (
            f"; then the network found and {baseline.name} trained from scratch for the same number of epochs"
        )
    click.echo(
        f"{config.name}: {plural(len(search.space.searched.decisions), 'decision')} of {search.space.name} on"
        f" {splits.train.name} ({len(splits.train)} training and {len(splits.val)} validation images),"
        f" {search.steps} steps of {config.batch} at {height}×{width}, {where}{then}"
    )
    if world == 1:
        click.echo(_forecast(search))


def _print_untrained(search: Search) -> None:
    """Reports outputs that are not trained, how to train them, and the decisions that only they depend on."""
    from archdsl.passes.analyses.symbolic import infer_symbolic
    from archdsl.search.result import not_searched

    graph = search.space.graph
    main, *further = graph.outputs
    trained = {output for member in search.members for output in member.objective.outputs}
    further = [output for output in further if output not in trained]
    if further:
        shapes = infer_symbolic(graph)[0]
        maps = {output: shapes[node][0] for output, node in graph.outputs.items()}
        run = search.folder
        words = ["archdsl", "train", str(run.found), "--init", str(run.path), "--aux", "0.4"]
        fits = any(maps[output] == maps[main] for output in further)
        then = f"; afterwards: {shlex.join(words)} --data … --out DIR" if fits else ""
        headline = f"warning: not trained: {', '.join(further)}; a search trains `{main}` only"
        click.echo(headline + then, err=True)
    if left := not_searched(search.space):
        first = "used by train-only outputs only; the network found has their first candidates"
        click.echo(f"not searched: {', '.join(left)} ({first})", err=True)


def _warn_of_memory(there: int | None, need: int) -> bool:
    """Warns if a search needs more bytes than are free; returns whether it does."""
    if there is None or need <= there:
        return False
    click.echo(
        f"warning: not enough memory: a step needs about {need / 2**20:,.0f} MiB besides the weights, and"
        f" {there / 2**20:,.0f} MiB are available; reduce the batch or crop size, or use --checkpoint or"
        " the sampler one_path",
        err=True,
    )
    return True


def _forecast(search: Search) -> str:
    """The estimated duration and memory of the search, and how to limit them, as text."""
    from archdsl.diagnostics import SpecError
    from archdsl.runs.faults import explain_memory, is_out_of_memory
    from archdsl.search.differentiable import footprint as memory
    from archdsl.search.differentiable.calibration import estimated, resident
    from archdsl.search.differentiable.forecast import forecast

    there, need, taken = memory.available(search.processes.device), memory.footprint(search), resident()
    warned = _warn_of_memory(there, need.optimizers + need.step)

    def calibrate() -> None:
        found = None if warned else estimated(search, need, optimizers=search.step == 0)
        if found is not None:
            _warn_of_memory(there, found - taken)

    config = search.config
    try:
        found = forecast(search, calibrate)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpecError([explain_memory(error, search.keeper.newest())]) from error
    *pretrain, steps = search.phases().values()
    pretraining, epochs = sum(pretrain), search.epochs - search.epochs_done
    left = found.left_s(steps, epochs, pretraining)
    before = f" ({found.pretrain_step_s:.2f} s in pretraining)" if pretraining else ""
    line = (
        f"about {duration(left)} at {found.step_s:.2f} s per step{before},"
        f" {found.memory / 2**20:,.0f} MiB of memory"
    )
    after = f"; about {duration(found.scratch_s)} of training follow" if found.scratch_s else ""
    if config.budget_s is not None and left - found.scratch_s > config.budget_s:
        budget = duration(config.budget_s)
        return f"{line}; ends with the epoch in which its budget of {budget} is used up{after}"
    if config.budget_s is None and left > _LONG_S:
        return f"{line}; limit it by `budget = 2 h` in the search, or --set budget=2h"
    return line


_LONG_S = 900.0
"""The number of seconds above which a search without a budget gets a hint on how to set one."""


def _reporting(shown: Callable[[SearchProgress], None], search: Search) -> Callable[[SearchProgress], None]:
    if not search.processes.is_first:
        return lambda now: None
    from archdsl.runs.events import scalars

    scalar = scalars(search.folder.events)

    def report(now: SearchProgress) -> None:
        shown(now)
        if now.tried or now.scratch:
            return
        scores = {f"{now.member} {name}".strip(): score for name, score in now.scores.items()}
        for name, value in {**scores, "loss": now.loss, **now.costs, **now.depths}.items():
            scalar(name, value, now.step)

    return report
