"""A training run as the command line starts it: what is checked first, what is said, how it stops."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.aux_outputs import aux_weights, say_aux
from archdsl.cli.data import demand_sound
from archdsl.cli.networks import image_size
from archdsl.cli.starting import start, start_again
from archdsl.cli.stopping import stop_signals

if TYPE_CHECKING:
    from torch import nn

    from archdsl.data.dataset import Splits
    from archdsl.program import Network
    from archdsl.runs.manifest import Manifest
    from archdsl.runs.processes import Processes
    from archdsl.train.folder import RunFolder
    from archdsl.train.loop import Training
    from archdsl.train.recipe import Progress, Recipe

_LARGEST_CROP = (512, 1024)


@dataclass(frozen=True)
class Place:
    """The SPEC as it was given, the folder of the run, and whether a run there goes on.

    A new run starts from the weights of `init`, all of which it has to have where `init_strict`.
    """

    spec: str
    folder: Path
    goes_on: bool
    init: Path | None = None
    init_strict: bool = False


def run_training(
    network: Network, splits: Splits, given: Mapping[str, Any], chosen: Mapping[str, Any], place: Place,
    device: str | None,
) -> int:  # fmt: skip
    """Trains, and returns the exit code; `given` are fields of a Recipe, `chosen` what else is recorded."""
    import torch

    from archdsl.passes.analyses.batch_statistics import demand_statistics
    from archdsl.runs.processes import processes
    from archdsl.train.class_weights import class_weights_everywhere, described
    from archdsl.train.folder import RunFolder
    from archdsl.train.loop import Training

    here = processes(device)
    if given["amp"] and here.device.type != "cuda":
        raise click.UsageError(f"--amp is for CUDA, and this runs on {here.device.type}")
    shares = demand_sound(splits.train, splits.val) if here.is_first else None
    rule = given["class_weights"]
    weights = class_weights_everywhere(rule, shares, splits.train.classes, here)
    if weights is not None and here.is_first:
        click.echo(described(weights, splits.train.classes))
    given, chosen = {**given, "class_weights": weights}, {**chosen, "class_weights_rule": rule}
    given = {**given, "aux": aux_weights(given["aux"], network)}
    torch.manual_seed(given["seed"])
    module = network.module()
    if place.init is not None:
        recorded = start(module, place.init, place.init_strict, here.is_first)
        chosen = {**chosen, "init": recorded}
    else:
        start_again(module, chosen["init"], place.folder)
    usual = image_size(network) if "image" in chosen["set"] else _usual_crop(splits)
    recipe = _recipe({**given, "crop": given["crop"] or usual}, module, splits.train.channels)
    demand_statistics(network.graph, recipe.crop, recipe.batch)
    try:
        with RunFolder(place.folder).held(here.is_first):
            told = _manifest(network, splits, recipe, chosen, here)
            folder = _folder(place, told, here)
            metadata = _metadata(network, splits, chosen["licence"], told.data["training sha256"])
            training = Training(module, splits, recipe, folder, here, metadata)
            if place.goes_on:
                training.restore()
            if here.is_first:
                _say_start(network, training, place)
            code = _run(training, place)
            if here.is_first:
                _write_page(training, network)
            return code
    finally:
        here.stop()


def _run(training: Training, place: Place) -> int:
    from archdsl.cli.train_text import shown
    from archdsl.runs.interrupted import Interrupted

    first = training.processes.is_first
    try:
        with (
            stop_signals() as stop,
            shown(training.step, training.steps, training.batches.steps_per_epoch) as told,
        ):
            best = training.run(_reporting(told, training), stop)
    except Interrupted as stopped:
        again = shlex.join(["archdsl", "train", place.spec, "--resume", str(place.folder)])
        if first:
            click.echo(f"stopped after step {stopped.step}; go on with: {again}")
        return 130
    if first:
        click.echo(
            f"best mIoU {best:.4f} on {training.splits.val.name}; wrote {training.folder.best_weights}"
        )
    return 0


def _write_page(training: Training, network: Network) -> None:
    """Writes report.html into the folder of a run."""
    from archdsl import atomic
    from archdsl.report.tables import layers_text
    from archdsl.report.train_page import train_page

    page = train_page(training.folder.path, layers_text(network.graph))
    atomic.write_text(training.folder.report, page)


def _recipe(given: Mapping[str, Any], module: nn.Module, channels: int) -> Recipe:
    """The recipe with a crop that the network can take.  Raises SpecError (ARCH918) where it cannot."""
    from pydantic import TypeAdapter, ValidationError

    from archdsl.diagnostics import Diagnostic, SpecError
    from archdsl.train.evaluation import fitting
    from archdsl.train.recipe import Recipe

    try:
        recipe = TypeAdapter(Recipe).validate_python(given)
    except ValidationError as error:
        raise click.UsageError(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
    if recipe.scale[0] <= 0 or recipe.scale[0] > recipe.scale[1]:
        raise click.UsageError("--scale takes two factors above zero, the smaller first")
    fits = fitting(module, recipe.crop, channels)
    if fits != recipe.crop:
        size = "×".join(map(str, recipe.crop))
        help = f"--crop {fits[0]}x{fits[1]} would do" if fits else "it has no size at which it runs"
        raise SpecError([Diagnostic("ARCH918", f"the network takes no image of {size}", help=help)])
    return recipe


def _usual_crop(splits: Splits) -> tuple[int, int]:
    """The size of the first image, at most 512 × 1024, in whole multiples of 32 where it is that large."""
    sides = zip(splits.train[0].mask.shape, _LARGEST_CROP, strict=True)
    height, width = (max(min(side, most) // 32 * 32, min(side, 32)) for side, most in sides)
    return height, width


def _manifest(
    network: Network, splits: Splits, recipe: Recipe, chosen: Mapping[str, Any], here: Processes
) -> Manifest:
    from dataclasses import asdict

    from archdsl.runs.manifest import described, manifest
    from archdsl.train.weights import network_hash, network_text

    settings = {**asdict(recipe), **chosen}
    del settings["seed"]  # the manifest has a place of its own for it
    return manifest(
        "train", name=network.name, spec=network_text(network), spec_sha256=network_hash(network),
        data=described(splits), settings=settings, seed=recipe.seed, device=str(here.device),
        command=["archdsl", *sys.argv[1:]],
    )  # fmt: skip


def _folder(place: Place, manifest: Manifest, here: Processes) -> RunFolder:
    from archdsl.train.folder import FREE, RunFolder

    folder = RunFolder(place.folder)
    if here.is_first and place.goes_on:
        folder.resume("train", manifest, FREE)
    elif here.is_first:
        folder.start(manifest)
    here.wait()
    return folder


def _metadata(network: Network, splits: Splits, licence: str, fingerprint: str) -> dict[str, str]:
    from archdsl.train.weights import SPEC, network_hash

    return {
        SPEC: network_hash(network), "name": network.name, "classes": json.dumps(splits.train.classes),
        "colours": json.dumps(splits.train.colours), "data": splits.train.name,
        "data_sha256": fingerprint, "licence": licence,
    }  # fmt: skip


def _say_start(network: Network, training: Training, place: Place) -> None:
    from archdsl.data.opening import trained_too

    recipe, splits, world = training.recipe, training.splits, training.processes.world
    for torn, why in training.keeper.passed_over:
        click.echo(f"passed over {torn.name}: {why}", err=True)
    for note in training.journal.notes if training.journal else ():
        click.echo(f"note: {note}", err=True)
    crop, declared = ("×".join(map(str, size)) for size in (recipe.crop, image_size(network)))
    at = crop if crop == declared else f"{crop} (the network declares {declared})"
    where = f"{training.processes.device}" + (f", {world} processes" if world > 1 else "")
    click.echo(
        f"{network.name} on {splits.train.name}: {len(splits.train)} images, {len(splits.val)} to validate"
        f" on, {training.steps} steps of {recipe.batch} at {at}, {where}"
    )
    if shared := trained_too(splits):
        which = "all" if shared == len(splits.val) else f"{shared:,}"
        click.echo(f"{which} of the images to validate on are trained on too: mIoU is no measure of others")
    path = training.folder.path
    say_aux(network, recipe.aux)
    if training.step == training.steps and training.scored:
        again = shlex.join(["archdsl", "train", place.spec, "--init", str(path)])
        click.echo(f"{path} is finished; for more epochs: {again} --epochs N --data … --out DIR")
    else:
        click.echo(
            f"going on after step {training.step} in {path}" if training.step else f"writing to {path}"
        )


def _reporting(told: Callable[[Progress], None], training: Training) -> Callable[[Progress], None]:
    if not training.processes.is_first:
        return lambda now: None
    from archdsl.runs.events import scalars

    scalar = scalars(training.folder.events)

    def report(now: Progress) -> None:
        told(now)
        if now.miou is not None:
            scalar("mIoU", now.miou, now.step)
            return
        scalar("loss", now.loss, now.step)
        scalar("learning rate", now.lr, now.step)

    return report
