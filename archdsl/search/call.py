"""`archdsl.search(…)`: runs a search from Python."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from archdsl.data.dataset import Splits
from archdsl.data.source import DataSource, parse_data
from archdsl.program import Network, Spec, program_of
from archdsl.refusals import refusing
from archdsl.runs.limits import demand_within
from archdsl.runs.reporter import Reporter
from archdsl.search.dispatch import run
from archdsl.search.engines.choice import read_engine
from archdsl.search.latency_tables import TableSource, read_source
from archdsl.search.options import SearchOptions, absolute, with_clauses
from archdsl.search.own import MakesStrategy, Objective, Scorer, named
from archdsl.search.progress import SearchProgress
from archdsl.search.result import Result
from archdsl.search.trials.warm_start import initial_network


def search(
    spec: Spec,
    name: str | None = None,
    *,
    strategy: str | MakesStrategy | None = None,
    evaluate: str | Scorer | None = None,
    minimize: Objective | Sequence[Objective] = (),
    maximize: Objective | Sequence[Objective] = (),
    require: str | Sequence[str] = (),
    scores: Sequence[str] = (),
    command: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    data: DataSource | Splits | str | None = None,
    tables: Sequence[TableSource | str | Path] = (),
    folder: str | Path | None = None,
    resume: bool = False,
    seed: int | None = None,
    device: str | None = None,
    amp: Literal["bfloat16"] | None = None,
    checkpoint: bool = False,
    channels_last: bool = False,
    passes: str | None = None,
    engine: str | None = None,
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    threads: int | None = None,
    start: Sequence[Network | Spec] = (),
    baseline: str | Path | None = None,
    reporter: Reporter | None = None,
    report: Callable[[SearchProgress], None] = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Runs a search declared in a spec and returns the network it finds, like `archdsl search`.

    `name` selects the search (default: the last of the file). `strategy`, `evaluate`, `minimize`, `maximize`
    and `require` are clauses as text, or Python objects (`archdsl.search.own`); they replace those of the
    search, except that `require` adds to its requirements. With clauses, the file need not declare a search.
    If `evaluate` is an object, `scores` are the names of its scores; `command` is the program of the
    evaluator `command`.

    `settings` override settings of the space, the search and its data; `seed` overrides the seed of the
    search, and `data` its dataset. `passes`, such as `prune(depth = 2)`, restrict the space first. `tables`
    are latency tables. `engine` and `workers` determine where a search by trials evaluates networks,
    `gpus_per_trial` and `threads` the resources of one trial; `start` are networks of the space that such a
    search evaluates first. The network in the file `baseline` is trained from scratch at the end, as is the
    network found, to compare them.

    The run folder `folder`, by default `runs/NAME`, receives best.arch, its inherited weights and
    report.html; with `resume`, the run in it is continued. `report` is called after each step or trial,
    `reporter` with other messages. Raises SpecError; TypeError and ValueError for invalid arguments;
    `archdsl.runs.interrupted.Interrupted` if `stop` returned True.
    """
    if not (data is None or isinstance(data, Splits | DataSource | str)):
        raise TypeError(f'data must be "KIND:PATH", a DataSource or Splits, got {type(data).__name__}')
    if isinstance(tables, str | Path):
        raise TypeError(f"tables must be a list: tables=[{str(tables)!r}]")
    if isinstance(start, str | Path | Network):
        raise TypeError(f"start must be a list: start=[{str(start)!r}]")
    if isinstance(command, str):
        raise TypeError(f"command must be a list of strings: command={shlex.split(command)!r}")
    if amp not in (None, "bfloat16"):
        raise ValueError(f'amp must be None or "bfloat16", got {amp!r}')
    demand_within({} if seed is None else {"seed": seed})
    own = data if isinstance(data, Splits) else None
    source = parse_data(data) if isinstance(data, str) else data if isinstance(data, DataSource) else None
    options = SearchOptions(
        name=name,
        settings=absolute(settings or {}),
        data=replace(source, settings=absolute(source.settings)) if source else None,
        tables=tuple(t if isinstance(t, TableSource) else read_source(str(t)) for t in tables),
        seed=seed,
        device=device,
        amp=amp,
        checkpoint=checkpoint,
        channels_last=channels_last,
        folder=None if folder is None else Path(folder),
        resume=resume,
        passes=passes,
        start=tuple(map(initial_network, start)),
        baseline=None if baseline is None else Path(baseline).absolute(),
        splits=own,
        engine=read_engine(engine, workers, gpus_per_trial, threads),
        evaluator_command=None if command is None else tuple(command),
    )
    goals = [
        *(("maximize", one) for one in _several(maximize)),
        *(("minimize", one) for one in _several(minimize)),
    ]
    with (
        refusing(),
        named(strategy, evaluate, goals, _several(require), scores) as clauses,
        with_clauses(program_of(spec), replace(options, clauses=clauses)) as (program, options),
    ):
        return run(program, options, reporter=reporter, report=report, stop=stop)


def _several(one: Any) -> list[Any]:
    return [one] if isinstance(one, str) or callable(one) else list(one)
