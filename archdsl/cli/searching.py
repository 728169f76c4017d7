"""A search as the command line starts it: what is checked first, what is said, how it stops."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import opening
from archdsl.cli.asked import FREE, Asked
from archdsl.cli.data import demand_sound, explained, weights_by_rule
from archdsl.cli.networks import demand_equal_channels

if TYPE_CHECKING:
    from archdsl.cli.search_tables import Given
    from archdsl.data.dataset import Dataset, Splits
    from archdsl.program import Program, Space
    from archdsl.runs.manifest import Manifest
    from archdsl.runs.processes import Processes
    from archdsl.search.config import SearchConfig
    from archdsl.search.differentiable.driver import Search
    from archdsl.search.progress import Progress


def run_search(asked: Asked) -> int:
    """Searches, and returns the exit code."""
    from archdsl.backends.supernet import build
    from archdsl.data.opening import open_data
    from archdsl.runs.processes import processes
    from archdsl.search.differentiable.driver import Search
    from archdsl.search.differentiable.objective import ObjectiveFunction, class_weights_rule
    from archdsl.search.differentiable.readiness import demand_ready
    from archdsl.search.differentiable.samplers import by_decision
    from archdsl.search.folder import SearchFolder

    program = opening.load(asked.spec)
    plan, of_space = _plan(program, asked)
    with explained(asked.data) if asked.data is not None else nullcontext():
        splits = open_data(plan.data, _with_size(plan, program, of_space), program.unit.path.parent)
    space = _space(program, plan, of_space, splits.train)
    by_decision(plan.sampler, plan.gates_from, plan.samplers, space.graph)  # says early what is amiss
    here = processes(asked.device)
    rule = class_weights_rule(plan)
    shares = demand_sound(splits.train, splits.val) if here.is_first else None
    weights = weights_by_rule(rule, shares, splits.train.classes, here)
    demand_ready(plan, space.deployed, splits, here.world)
    import torch

    torch.manual_seed(asked.seed)
    net = build(space.deployed, fuse=True, checkpoint=asked.checkpoint)  # no loss reads train-only outputs
    if asked.channels_last:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = asked.folder or Path("runs") / plan.name
    if not asked.goes_on:
        SearchFolder(path).demand_new()
    given = _tables(plan, space, asked, program, SearchFolder(path).table, here)
    objective = ObjectiveFunction(plan, space, given.tables, weights, given.stands)
    amp = torch.bfloat16 if asked.amp else None
    try:
        with SearchFolder(path).held(here.is_first):
            manifest = _manifest(program, plan, space, splits, asked, given, here, weights)
            folder = _folder(path, manifest, program, asked, given, here)
            search = Search(plan, space, net, objective, splits, folder, here, asked.seed, amp)
            if asked.goes_on:
                search.restore()
            if here.is_first:
                _say_start(search)
            return _run(search, asked)
    finally:
        here.stop()


def _run(search: Search, asked: Asked) -> int:
    from archdsl.cli.search_page import write_report
    from archdsl.cli.search_text import found_text, shown
    from archdsl.cli.stopping import asked_to_stop
    from archdsl.runs.interrupted import Interrupted

    first, folder = search.processes.is_first, search.folder
    try:
        with asked_to_stop() as stop, shown(search.step, search.steps) as told:
            found = search.run(_reporting(told, search), stop)
    except Interrupted as stopped:
        if first:
            write_report(search)
            again = shlex.join(["archdsl", "search", asked.spec, "--resume", str(folder.path)])
            click.echo(f"stopped after step {stopped.step}; go on with: {again}")
        return 130
    if first:
        write_report(search)
        click.echo(found_text(found, search.verdict))
        click.echo(f"wrote {folder.found}, {folder.weights}, {folder.report}")
    return 0


def _plan(program: Program, asked: Asked) -> tuple[SearchConfig, dict[str, Any]]:
    """The plan of the search, and the settings that are of its space."""
    from archdsl.search.config import read_config

    given = asked.settings
    space, own = program.search_settings(asked.name)
    of_space = {key: value for key, value in given.items() if key in space}
    spec = program.search(asked.name, **{key: value for key, value in given.items() if key in own})
    others = {key: value for key, value in given.items() if key not in space | own}
    data = (asked.data.kind, asked.data.settings) if asked.data is not None else None
    return read_config(spec, others, data), of_space


def _with_size(plan: SearchConfig, program: Program, of_space: dict[str, Any]) -> dict[str, Any]:
    """Settings of the data; scenes that are drawn have the size of the space's input."""
    settings = dict(plan.data_settings)
    if plan.data == "synthetic" and "size" not in settings:
        graph = program.space(plan.space, **of_space).graph
        settings["size"] = tuple(next(iter(graph.inputs.values()))[1:])
    return settings


def _space(program: Program, plan: SearchConfig, given: dict[str, Any], data: Dataset) -> Space:
    """The space, with as many classes as the data has unless they were given.

    Raises SpecError: ARCH918 for other classes, ARCH942 for images of other channels.
    """
    from archdsl.diagnostics import Diagnostic, SpecError
    from archdsl.passes.analyses.symbolic import infer_symbolic

    classes = len(data.classes)
    space = program.space(plan.space, **given)
    demand_equal_channels(space.name, next(iter(space.graph.inputs.values()))[0], data.channels)
    if space.settings.get("classes") not in (None, classes) and "classes" not in given:
        space = program.space(plan.space, **given, classes=classes)
    maps = infer_symbolic(space.graph)[0][next(iter(space.graph.outputs.values()))][0]
    if maps != classes:
        headline = f"{space.name} tells {maps} classes apart, and the data has {classes}"
        raise SpecError([Diagnostic("ARCH918", headline, help=f"--set classes={classes}")])
    return space


def _tables(
    plan: SearchConfig, space: Space, asked: Asked, program: Program, kept: Path, here: Processes
) -> Given:
    """The latency tables, built by the first process where they are; the others find what it built."""
    from archdsl.cli.search_tables import gather

    base = program.unit.path.parent
    found = gather(plan, space, asked.tables, base, kept, asked.goes_on) if here.is_first else None
    here.wait()
    for line in found.said() if found else ():
        click.echo(line)
    return found or gather(plan, space, asked.tables, base, kept, asked.goes_on)


def _manifest(
    program: Program, plan: SearchConfig, space: Space, splits: Splits, asked: Asked, given: Given,
    here: Processes, weights: tuple[float, ...] | None,
) -> Manifest:  # fmt: skip
    import hashlib

    from archdsl.ir.text import dump
    from archdsl.runs.manifest import described, manifest

    settings = {
        **plan.settings(),
        "space settings": {k: str(v) for k, v in space.settings.items()},
        **asked.settings_of_run(),
    }
    if weights is not None:
        settings["class weights"] = weights
    if given.sha256 is not None:
        settings["latency table sha256"] = given.sha256
    if given.devices:
        settings["latency devices"] = given.devices
    return manifest(
        "search", name=plan.name, spec=program.unit.source.text,
        spec_sha256=hashlib.sha256(dump(space.graph).encode()).hexdigest(),
        data=described(splits), settings=settings,
        seed=asked.seed, device=str(here.device), command=["archdsl", *sys.argv[1:]],
    )  # fmt: skip


def _folder(
    path: Path, manifest: Manifest, program: Program, asked: Asked, given: Given, here: Processes
) -> Any:
    from archdsl import atomic
    from archdsl.search.folder import SearchFolder

    folder = SearchFolder(path)
    if here.is_first and asked.goes_on:
        folder.resume("search", manifest, FREE)
    elif here.is_first:
        folder.demand_new()
        folder.copy_specs(program.unit)
        if given.text is not None:
            atomic.write_text(folder.table, given.text)
        folder.start(manifest)
    here.wait()
    return folder


def _say_start(search: Search) -> None:
    plan, splits, world = search.plan, search.splits, search.processes.world
    for torn, why in search.keeper.passed_over:
        click.echo(f"passed over {torn.name}: {why}", err=True)
    for note in search.journal.notes if search.journal else ():
        click.echo(f"note: {note}", err=True)
    main, *further = search.space.graph.outputs
    if further:
        click.echo(f"warning: never trained: {', '.join(further)}; a search trains `{main}` alone", err=True)
    height, width = search.crop
    where = f"{search.processes.device}" + (f", {world} processes" if world > 1 else "")
    short = f"; then up to {plan.refine} networks trained for {plan.refine_epochs} epochs each"
    then = short if plan.refine else ""
    click.echo(
        f"{plan.name}: {len(search.space.decisions)} decisions of {search.space.name} on"
        f" {splits.train.name} ({len(splits.train)} images, {len(splits.val)} to validate on),"
        f" {search.steps} steps of {plan.batch} at {height}×{width}, {where}{then}"
    )
    if world == 1:
        click.echo(_forecast(search))
    path = search.folder.path
    click.echo(f"going on after step {search.step} in {path}" if search.step else f"writing to {path}")


def _forecast(search: Search) -> str:
    """How long the search will take here, what memory, and how to end it earlier."""
    from archdsl.diagnostics import SpecError
    from archdsl.report.duration import duration
    from archdsl.runs.faults import explain_memory, is_out_of_memory
    from archdsl.search.differentiable.forecast import trial

    plan = search.plan
    try:
        found = trial(search)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpecError([explain_memory(error, search.keeper.newest())]) from error
    epochs = plan.epochs - search.step // search.batches.steps_per_epoch
    left = found.left_s(search.steps - search.step, epochs)
    line = f"about {duration(left)} at {found.step_s:.2f} s a step, {found.memory / 2**20:,.0f} MiB of memory"
    if plan.budget_s is not None and left > plan.budget_s:
        return f"{line}; ends with the epoch in which its budget of {duration(plan.budget_s)} is used up"
    if plan.budget_s is None and left > _LONG_S:
        return f"{line}; `budget = 2 h` in the search, or --set budget=2h, ends it earlier"
    return line


_LONG_S = 900.0
"""A search without budget that takes longer is told how to set one."""


def _reporting(told: Callable[[Progress], None], search: Search) -> Callable[[Progress], None]:
    if not search.processes.is_first:
        return lambda now: None
    from archdsl.runs.events import scalars

    scalar = scalars(search.folder.events)

    def report(now: Progress) -> None:
        told(now)
        if now.tried:
            return
        if now.miou is not None:
            scalar("mIoU", now.miou, now.step)
        for name, value in {"loss": now.loss, **now.costs, **now.depths}.items():
            scalar(name, value, now.step)

    return report
