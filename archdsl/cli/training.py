"""Runs a training from the command line: prints progress and handles interruption."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from archdsl.cli.aux_outputs import say_outputs
from archdsl.cli.stopping import stop_signals

if TYPE_CHECKING:
    from archdsl.data.dataset import Splits
    from archdsl.program import Network
    from archdsl.train.loop import Training
    from archdsl.train.options import TrainOptions
    from archdsl.train.recipe import TrainProgress


def run_training(spec: str, network: Network, splits: Splits, options: TrainOptions) -> int:
    """Trains a network; returns the exit code. `spec` is the SPEC argument as typed."""
    from archdsl.cli.reporting import TerminalReporter
    from archdsl.cli.train_text import shown as progress
    from archdsl.runs.interrupted import Interrupted
    from archdsl.train.options import OptionError
    from archdsl.train.run import finish, prepared

    try:
        with prepared(network, splits, options, TerminalReporter()) as training:
            first, steps = training.processes.is_first, training.batches.steps_per_epoch
            if first:
                _print_start(spec, network, training)
            try:
                with stop_signals() as stop, progress(training.step, training.steps, steps) as report:
                    trained = finish(network, training, _reporting(report, training), stop)
            except Interrupted as stopped:
                again = shlex.join(["archdsl", "train", spec, "--resume", str(training.folder.path)])
                if first:
                    click.echo(f"stopped after step {stopped.step}; resume with: {again}")
                return 130
    except OptionError as error:
        raise click.UsageError(str(error)) from error
    if first:
        best = f"best {trained.metric} {trained.score:.4f}"
        click.echo(f"{best} on {splits.val.name}; wrote {trained.weights}")
    return 0


def _print_start(spec: str, network: Network, training: Training) -> None:
    from archdsl.data.opening import trained_too
    from archdsl.train.networks import image_size

    recipe, splits, world = training.recipe, training.splits, training.processes.world
    for torn, why in training.keeper.passed_over:
        click.echo(f"skipped {torn.name}: {why}", err=True)
    for note in training.journal.notes if training.journal else ():
        click.echo(f"note: {note}", err=True)
    crop, declared = ("×".join(map(str, size)) for size in (recipe.crop, image_size(network)))
    at = crop if crop == declared else f"{crop} (the network declares {declared})"
    where = f"{training.processes.device}" + (f", {world} processes" if world > 1 else "")
    click.echo(
        f"{network.name} on {splits.train.name}: {len(splits.train)} training and {len(splits.val)} "
        f"validation images, {training.steps} steps of {recipe.batch} at {at}, {where}"
    )
    if shared := trained_too(splits):
        which = "all" if shared == len(splits.val) else f"{shared:,}"
        click.echo(
            f"{which} of the validation images are also training images: mIoU overestimates generalization"
        )
    path = training.folder.path
    say_outputs(network, training.task, recipe)
    if training.step == training.steps and training.scored:
        again = shlex.join(["archdsl", "train", spec, "--init", str(path)])
        click.echo(f"{path} is finished; for more epochs: {again} --epochs N --data … --out DIR")
    else:
        click.echo(
            f"resuming after step {training.step} in {path}" if training.step else f"writing to {path}"
        )


def _reporting(shown: Callable[[TrainProgress], None], training: Training) -> Callable[[TrainProgress], None]:
    if not training.processes.is_first:
        return lambda now: None
    from archdsl.runs.events import scalars

    scalar = scalars(training.folder.events)

    def report(now: TrainProgress) -> None:
        shown(now)
        if now.scores:
            for name, score in now.scores.items():
                scalar(name, score, now.step)
            return
        scalar("loss", now.loss, now.step)
        scalar("learning rate", now.lr, now.step)

    return report
