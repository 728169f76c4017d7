"""`archdsl search`: searches a space as declared in its spec; resumable."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from archdsl.cli import opening
from archdsl.cli.data import data_option, device_option
from archdsl.cli.engines import engine_options
from archdsl.cli.ranges import Within
from archdsl.cli.resuming import without_spec
from archdsl.cli.set_option import set_option
from archdsl.cli.trial_options import SearchCommand, around_options, demand_one_process
from archdsl.data.source import DataSource
from archdsl.search.engines.choice import read_engine
from archdsl.search.latency_tables import AUTO, TableSource
from archdsl.search.options import SearchOptions, absolute, resumed_options, without_program
from archdsl.search.rewriting import Rewritten

_EPILOG = """\b
Examples:
  archdsl search specs/space.arch
  archdsl search specs/space.arch --set epochs=16 sampler=one_path --out runs/b
  archdsl search specs/autortnet.arch --set image=3x96x192 classes=11 --data camvid:data/camvid
  archdsl search specs/gas.arch --set image=3x64x128 batch=4 --data synthetic:images=16 --table auto
  archdsl search specs/space.arch --resume runs/b
  archdsl search specs/template.arch --strategy random --evaluate costs --minimize macs --set trials=50
  torchrun --nproc-per-node 2 -m archdsl search specs/space.arch

\b
--set takes settings of the space and of the search: those that the search declares; epochs, batch, sampler
(gumbel, softmax, hard, one_path, uniform, fixed), tau, end, schedule, start, gates_from, order (0: one
backward pass; 1: first-order bilevel), clip, init, calibrate, refine, refine_epochs, lr, architecture_lr,
communicate (independent, shared, dense, gcn), residual, budget (90s, 10min, 2h); and of its data: path,
crop, images, resize.  Searches by trials take trials, parallel, budget, and those of their data.
"""


class _TableType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "table"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> TableSource:
        if isinstance(value, TableSource):
            return value
        device, equals, named = value.partition("=")
        if not equals or os.path.isfile(value):
            device, named = "", value
        if named == AUTO:
            return TableSource(None, device or None)
        if not os.path.isfile(named):
            self.fail(f"file not found: {named}; write FILE, DEVICE=FILE or auto", param, ctx)
        return TableSource(Path(os.path.abspath(named)), device or None)


def _refuse_aux(_ctx: click.Context, _param: click.Parameter, weight: str | None) -> None:
    """Raises UsageError for `--aux`; the message shows how to train auxiliary outputs."""
    if weight is not None:
        then = f"archdsl train RUN/best.arch --init RUN --aux {weight} --data … --out DIR"
        raise click.UsageError(
            f"a search trains the main output only; train auxiliary outputs with the network found: {then}"
        )


@click.command(cls=SearchCommand, epilog=_EPILOG)
@click.argument("spec", metavar="SPEC", required=False)
@click.option("--search", "name", help="Search to run, if the file has several (default: the last).")
@set_option
@data_option(required=False)
@click.option(
    "--table", "tables", type=_TableType(), multiple=True, metavar="FILE|DEVICE=FILE|auto",
    help="Latency table: FILE (from archdsl latency build), DEVICE=FILE as a substitute for a device in the "
    "spec, or auto: measure missing rows on this machine first.",
)  # fmt: skip
@click.option(
    "--passes", metavar="PIPELINE",
    help="Restrict the space first, as in 'prune(hyper[1].gate = 2)' (see archdsl passes).",
)  # fmt: skip
@click.option(
    "--strategy", metavar="CLAUSE", help="Override the strategy, as in 'evolution(population = 20)'."
)
@click.option("--evaluate", metavar="CLAUSE", help="Override the evaluator, as in 'training(epochs = 2)'.")
@click.option(
    "--minimize", multiple=True, metavar="CLAUSE",
    help="Objective to minimize, instead of those of the search; repeatable.",
)  # fmt: skip
@click.option(
    "--maximize", multiple=True, metavar="CLAUSE",
    help="Objective to maximize, instead of those of the search; repeatable.",
)  # fmt: skip
@click.option("--require", multiple=True, metavar="CLAUSE", help="Add a requirement, as in 'params <= 2M'.")
@click.option(
    "--baseline", metavar="FILE",
    help="Network to compare with: it and the network found are trained from scratch at the end, on the"
    " same batches, and compared in the report.",
)  # fmt: skip
@click.option("--seed", type=Within("seed"), help="Random seed (default: that of the search, else 0).")
@device_option
@click.option("--amp", type=click.Choice(["bfloat16"]), help="Mixed precision.")
@click.option("--checkpoint", is_flag=True, help="Gradient checkpointing: less memory, more time.")
@click.option("--channels-last", is_flag=True, help="Channels-last memory format, faster on GPUs.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Run folder.")
@click.option(
    "--resume", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Resume the run in DIR with its options, unless overridden.",
)  # fmt: skip
@around_options
@engine_options
@click.option("--aux", expose_value=False, hidden=True, callback=_refuse_aux)
@click.pass_context
def search(
    ctx: click.Context, /, spec: str | None, name: str | None, settings: dict[str, Any],
    data: DataSource | None,
    tables: tuple[TableSource, ...], passes: str | None, strategy: str | None, evaluate: str | None,
    minimize: tuple[str, ...], maximize: tuple[str, ...], require: tuple[str, ...], baseline: str | None,
    seed: int | None, device: str | None, amp: str | None, checkpoint: bool, channels_last: bool,
    out: Path | None, resume: Path | None, program: tuple[str, ...] | None, seeds: int | None,
    starts: tuple[Path, ...], dry_run: bool,
    engine: str | None, workers: int | None, gpus: float | None, threads: int | None,
) -> None:  # fmt: skip
    """Search a space.

    The strategy `differentiable` trains a supernet of the space together with its architecture parameters,
    and writes the network found as best.arch, its inherited weights as best.safetensors, and report.html into
    the folder of the run. Other strategies propose networks, which `evaluate` scores one by one: best.arch is
    the best network, front/ contains the Pareto-optimal networks, trials.csv lists all.
    """
    from archdsl.cli.searching import run_search

    if spec is None:
        raise without_spec(resume, "search")
    if resume is not None and out is not None:
        raise click.UsageError("--resume cannot be combined with --out")
    goals = (*(("maximize", text) for text in maximize), *(("minimize", text) for text in minimize))
    options = SearchOptions(
        name, absolute(settings), replace(data, settings=absolute(data.settings)) if data else None, tables,
        seed, device, amp, checkpoint, channels_last, resume or out, resume is not None,
        without_program(("archdsl", *sys.argv[1:])), passes, evaluator_command=program,
        baseline=Path(os.path.abspath(opening.find(baseline))) if baseline else None,
        clauses=Rewritten(strategy, evaluate, goals, require),
        engine=read_engine(engine, workers, gpus, threads),
    )  # fmt: skip
    if starts:
        from archdsl.search.trials.warm_start import initial_network

        options = replace(options, start=tuple(map(initial_network, starts)))
    repeated = False
    if resume is not None:
        given = {k for k in ctx.params if ctx.get_parameter_source(k) is ParameterSource.COMMANDLINE}
        options, repeated = _resumed(options, resume, given)
    if dry_run:
        demand_one_process("--dry-run")
        if resume is not None:
            raise click.UsageError("--dry-run cannot be combined with --resume")
        from archdsl.cli import dry_run as forecasting

        ctx.exit(forecasting.dry_run(spec, options, seeds or 1))
    if seeds is not None or repeated:
        demand_one_process("--seeds")
        if resume is not None and not repeated:
            raise click.UsageError(
                f"{resume} contains a single run: omit --seeds, or start a new search with --out"
            )
        from archdsl.cli.repeating import run_seeds

        ctx.exit(run_seeds(spec, options, seeds))
    ctx.exit(run_search(spec, options))


def _resumed(options: SearchOptions, resume: Path, given: set[str]) -> tuple[SearchOptions, bool]:
    """The options of the run to be resumed, of several seeds the first; and whether there are several."""
    from archdsl.runs.manifest import read_manifest
    from archdsl.search.folder import SearchFolder
    from archdsl.search.repeats import RepeatedFolder

    several = RepeatedFolder(resume)
    repeated = several.seeds() is not None
    started = several.started() if repeated else [resume]
    if started:
        manifest = read_manifest(SearchFolder(started[0]).manifest, "search")
        options = resumed_options(options, manifest, given)
    return options, repeated
