"""Prepares and runs a differentiable search, given a program and options."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.data.dataset import Splits
from archdsl.data.targets import target_maps
from archdsl.devices.table import Table
from archdsl.ir.text import dump
from archdsl.passes.analyses.depth import depths
from archdsl.program import Network, Program, Space
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.manifest import Manifest, described, manifest
from archdsl.runs.processes import Processes, processes
from archdsl.runs.reporter import Reporter
from archdsl.search.architectures import Architecture, architectures, named_outputs, trained_graph
from archdsl.search.baseline import read_baseline
from archdsl.search.config import SearchConfig
from archdsl.search.decoding.making import decoder_of
from archdsl.search.differentiable.driver import Search
from archdsl.search.differentiable.learner import Learner
from archdsl.search.differentiable.members import CoSearchMember, Sizes
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.differentiable.readiness import demand_ready
from archdsl.search.differentiable.samplers import by_decision
from archdsl.search.differentiable.sharing import demand_kernels, demand_shared
from archdsl.search.differentiable.supernets import build_all
from archdsl.search.engines.choice import IN_PROCESS
from archdsl.search.folder import SearchFolder
from archdsl.search.inputs import demand_outputs, open_splits, with_classes
from archdsl.search.latency_tables import Tables, gather, with_rows_of
from archdsl.search.options import SearchOptions, SplitSettings
from archdsl.search.page import write_report
from archdsl.search.progress import Report
from archdsl.search.proving import proved
from archdsl.search.pruning import pruned
from archdsl.search.reading import read_config
from archdsl.search.result import Result
from archdsl.search.scores import class_weights_rule, demand_table, latency_of, tables_named, values_of
from archdsl.search.terms import cannot
from archdsl.train.inspected import weighted_classes


@contextmanager
def prepared(program: Program, options: SearchOptions, reporter: Reporter) -> Iterator[Search]:
    """A context manager that yields a search, ready to run or resume, and locks its folder.

    Raises SpecError for errors in the spec, the data, the tables, the machine or the folder, before anything
    is trained.
    """
    here = processes(options.device)
    try:
        inputs = _inputs(program, options, here, reporter)
        seed = _seed(options, inputs.config)
        torch.manual_seed(seed)
        net, networks = _supernet(inputs, options)
        net = net.to(here.device).train()
        folder = SearchFolder(options.folder or Path("runs") / inputs.config.name)
        if not options.resume:
            folder.demand_new()
        tables = _tables(inputs, options, program, folder, here, reporter)
        members = _members(program, inputs, networks, tables, seed, here, reporter)
        with folder.held(here.is_first):
            if here.is_first:
                wanted = _manifest(program, inputs, options, tables, here)
                folder.begin(wanted, program.unit, tables.text, resume=options.resume)
                for member in filter(None, (one.name for one in inputs.architectures)):
                    SearchFolder(folder.path / member).copy_specs(program.unit)
            here.wait()
            search = Search(
                inputs.config, members, net, inputs.splits, folder, here, seed,
                torch.bfloat16 if options.amp else None, inputs.baseline,
            )  # fmt: skip
            if options.resume:
                search.restore()
            yield search
    finally:
        here.stop()


def finish(search: Search, report: Report, stop: Callable[[], bool]) -> Result:
    """Runs a prepared search, and writes its report.

    If `stop` returns True, writes a checkpoint and the report, and raises Interrupted. Raises SpecError as
    `Search.run`.
    """
    try:
        result = search.run(report, stop)
    except Interrupted:
        if search.processes.is_first:
            write_report(search)
        raise
    if search.processes.is_first:
        write_report(search)
    return result


@dataclass(frozen=True)
class _Inputs:
    """The inputs of a search: settings, architectures with spaces, data, class weights, and baseline."""

    config: SearchConfig
    architectures: tuple[Architecture, ...]
    splits: Splits
    class_weights: Mapping[str, tuple[float, ...] | None]
    """The class weights of the losses of each architecture, by its name."""
    baseline: Network | None

    @property
    def main(self) -> Architecture:
        """The architecture whose network is the result of the search: the last one."""
        return self.architectures[-1]


def _inputs(program: Program, options: SearchOptions, here: Processes, reporter: Reporter) -> _Inputs:
    given = options.split(program)
    config, of_space = config_of(given, options), given.of_space
    if here.is_first and given.spec.warnings:
        reporter.findings(given.spec.warnings)
    of_trials = {
        "start": options.start, "command": options.evaluator_command, "engine": options.engine != IN_PROCESS
    }  # fmt: skip
    if unread := [name for name, value in of_trials.items() if value]:
        raise cannot(f"`{unread[0]}` is not an option of differentiable searches", "remove it")
    declared = program.space(config.space, **of_space)
    splits = options.splits or open_splits(config, options.data, declared, program)
    for own in map(config.of, config.members) if config.members else (config,):
        demand_table(own, bool(options.tables or tables_named(own)))

    goals = [goal.value for member in config.members for goal in member.objectives]
    losses = [*values_of(config), *goals]

    def space_of(own: Mapping[str, Any]) -> Space:
        settings = {**of_space, **own}
        space = program.space(config.space, **settings) if own else declared
        space = with_classes(space, splits.train, program, settings, losses)
        proved(space, options, settings)
        return pruned(space, options.passes)

    found = architectures(config, space_of)
    for one in found:
        by_decision(
            config.sampler, config.gates_from, one.config.samplers, one.space.searched
        )  # raises early
        if config.gates_from and here.is_first and not depths(one.space.searched):
            reporter.warn(f"`gates_from` has no effect: {one.space.name} has no depth decisions")
        if sampled := demand_shared(one.config, one.space.searched, one.fixed):
            count = f"{len(sampled)} of the {len(one.space.searched.decisions)} decisions"
            reporter.info(
                f"weights of {one.space.name} are elastic, as networks differ in tensor shapes: "
                f"one outcome of {count} is sampled per forward pass"
            )
    demand_kernels(config.kernels, *(one.space.searched for one in found))
    rules = {one.name: class_weights_rule(one.config) for one in found}
    weights = {name: weighted_classes(splits, rule, here, reporter) for name, rule in rules.items()}
    for one in found:
        demand_outputs(one.config, one.space, splits)
        demand_ready(one.config, one.space.searched, splits, here.world)
    if options.baseline and config.members:
        raise cannot("--baseline is not supported for several architectures", "remove it")
    space = found[-1].space
    baseline = read_baseline(options.baseline, config, space, splits) if options.baseline else None
    return _Inputs(config, found, splits, weights, baseline)


def _supernet(inputs: _Inputs, options: SearchOptions) -> tuple[nn.Module, dict[str, Any]]:
    """The module with all weights, and the supernet of each architecture by name."""
    graphs = {one.name: trained_graph(one) for one in inputs.architectures}
    net, found = build_all(graphs, inputs.config, checkpoint=options.checkpoint)
    if options.channels_last:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net, found


def _members(
    program: Program, inputs: _Inputs, networks: Mapping[str, Any], tables: Tables, seed: int,
    here: Processes, reporter: Reporter,
) -> list[CoSearchMember]:  # fmt: skip
    """The architectures with their supernets, objectives and learners."""

    def extended(network: Network, table: Table) -> Table:
        if table is not tables.built:
            return table
        rows = with_rows_of(network, table, reporter) if here.is_first else None
        here.wait()
        return rows or with_rows_of(network, table, reporter)

    found = []
    for one in inputs.architectures:
        timed = latency_of(one.config) or latency_of(inputs.main.config)
        weights = inputs.class_weights[one.name]
        maps = target_maps(inputs.splits.train)
        objective = ObjectiveFunction(
            one.config, one.space, tables.own, weights, tables.stands, maps, extended
        )
        learner = Learner(one.config, one.space, seed, here.device, one.fixed)
        network, passes = networks[one.name], (*one.forward_passes, *one.pretrain_forward_passes)
        sizes = None
        if set(passes) != {"sampled"}:
            decisions = one.space.searched.decisions
            sizes = Sizes(one.space, {path: decisions[path] for path in network.sampled})
        found.append(
            CoSearchMember(
                one.name, one.config, one.space, network, objective, learner,
                one.forward_passes, one.pretrain_forward_passes, sizes,
                decoder_of(program, one.config, one.space), timed,
            )
        )  # fmt: skip
    return found


def _seed(options: SearchOptions, config: SearchConfig) -> int:
    return (config.seed or 0) if options.seed is None else options.seed


def config_of(given: SplitSettings, options: SearchOptions) -> SearchConfig:
    """The settings of a search with overrides. Raises SpecError (ARCH606) for invalid ones."""
    data = (options.data.kind, options.data.settings) if options.data is not None else None
    return read_config(given.spec, given.others, data)


def _tables(
    inputs: _Inputs, options: SearchOptions, program: Program, folder: SearchFolder, here: Processes,
    reporter: Reporter,
) -> Tables:  # fmt: skip
    """The latency tables of the search; the first process builds missing rows, and the others read them."""
    base = program.unit.path.parent

    def gathered() -> Tables:
        return gather(
            inputs.main.config,
            inputs.main.space,
            options.tables,
            base,
            folder.table,
            options.resume,
            reporter,
        )

    found = gathered() if here.is_first else None
    here.wait()
    for device, model in (found.devices if found else {}).items():
        reporter.info(f"`{device}` uses the table of {model}")
    return found or gathered()


def _manifest(
    program: Program, inputs: _Inputs, options: SearchOptions, tables: Tables, here: Processes
) -> Manifest:
    config, space = inputs.config, inputs.main.space
    settings = {
        **config.settings(),
        "space settings": {k: str(v) for k, v in space.settings.items()},
        **options.recorded(),
    }
    weights = {name: found for name, found in inputs.class_weights.items() if found is not None}
    if weights:
        settings["class weights"] = weights if config.members else weights[""]
    if inputs.baseline is not None:
        settings["baseline sha256"] = hashlib.sha256(dump(inputs.baseline.graph).encode()).hexdigest()
    if outputs := sorted({name for one in inputs.architectures for name in named_outputs(one)}):
        settings["outputs"] = outputs
    if tables.sha256 is not None:
        settings["latency table sha256"] = tables.sha256
    if tables.devices:
        settings["latency devices"] = tables.devices
    return manifest(
        "search", name=config.name, spec=program.unit.source.text,
        spec_sha256=hashlib.sha256(dump(space.graph).encode()).hexdigest(),
        data=described(inputs.splits), settings=settings,
        seed=_seed(options, config), device=str(here.device), command=options.command or tuple(sys.argv),
    )  # fmt: skip
