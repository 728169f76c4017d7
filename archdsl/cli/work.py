"""`archdsl work`: a worker of a search in a shared folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli.data import data_option
from archdsl.cli.trial_options import program_option
from archdsl.data.source import DataSource

if TYPE_CHECKING:
    from archdsl.search.engines.base import Done
    from archdsl.search.engines.queue import Claim
    from archdsl.search.engines.working import Worker

_EPILOG = """\b
Examples:
  archdsl search specs/space.arch --engine folder --out runs/a   # on one machine
  archdsl work runs/a                                            # on any, any number of times
  archdsl work runs/a --workers 4 --gpus-per-trial 0.5
  archdsl work runs/a --command 'python score.py'
"""


@click.command(epilog=_EPILOG)
@click.argument("run", type=click.Path(file_okay=False, path_type=Path), metavar="RUN")
@click.option(
    "--workers", type=click.IntRange(1, 1024), default=1, show_default=True, metavar="N",
    help="Number of concurrent trials, each in its own process.",
)  # fmt: skip
@click.option("--gpus-per-trial", "gpus", type=float, metavar="G", help="GPUs per trial: 1, 2, or 0.5.")
@click.option("--device", help="cpu, cuda or cuda:N (default: CUDA if available).")
@data_option(required=False)
@program_option
@click.option(
    "--idle", type=click.FloatRange(0.001), default=30.0, show_default=True, metavar="MINUTES",
    help="Exit after this time without a trial.",
)  # fmt: skip
def work(
    run: Path, workers: int, gpus: float | None, device: str | None, data: DataSource | None,
    program: tuple[str, ...] | None, idle: float,
) -> int:  # fmt: skip
    """Evaluate networks of a search that was started with --engine folder.

    Waits for the search to begin, takes trials from its folder, and ends with the search. Ctrl-C and SIGTERM
    return the current trials to the folder, for other workers.
    """
    from archdsl import plugins
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.stopping import stop_signals
    from archdsl.search.engines.worker_setup import WorkerSetup
    from archdsl.search.engines.working import Worker

    setup = WorkerSetup(Path(os.path.abspath(run)), program, device, tuple(plugins.used()), data=data)
    with stop_signals() as stop:
        worker = Worker(setup, workers, idle * 60, gpus, TerminalReporter(), stop=stop)
        click.echo(f"{worker.name}: {workers} {'trial' if workers == 1 else 'trials'} at a time of {run}")
        worker.report = _reporting(worker)
        return _run(worker)


def _run(worker: Worker) -> int:
    from archdsl.runs.interrupted import Interrupted

    try:
        worker.run()
    except Interrupted:
        click.echo(f"stopped after {_count(worker)}; unfinished trials were returned")
        return 130
    why = "the search has ended" if worker.queue.is_over() else "no trials were left"
    click.echo(f"{why} after {_count(worker)}")
    return 0


def _reporting(worker: Worker) -> Callable[[Claim, Done], None]:
    begin = time.monotonic()

    def report(claim: Claim, done: Done) -> None:
        per_hour = 3600 * (worker.done + worker.failed) / max(time.monotonic() - begin, 1e-9)
        click.echo(f"{_line(claim, done)}  ({_count(worker)}, {per_hour:.3g} an hour)")

    return report


def _line(claim: Claim, done: Done) -> str:
    again = f" (attempt {claim.task.attempt})" if claim.task.attempt > 1 else ""
    head = f"trial {done.number}{again}"
    if done.failure is not None:
        return f"{head}  failed: {done.failure.reason}"
    scores = [f"{name} {score:.4g}" for name, score in done.scores.items()]
    return "  ".join([head, *scores, f"{done.seconds:.3g} s"])


def _count(worker: Worker) -> str:
    both = worker.done + worker.failed
    failed = f", {worker.failed} of them failed" if worker.failed else ""
    return f"{both} {'trial' if both == 1 else 'trials'}{failed}"
