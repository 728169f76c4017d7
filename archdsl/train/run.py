"""Runs a training from a network, data and options; used by the command line and the Python API."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl import atomic
from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.dataset import Splits
from archdsl.data.maps import channels_of_maps
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.passes.analyses.trainable import demand_statistics
from archdsl.program import Network
from archdsl.report.scores import NAMES
from archdsl.report.text_tables import layers_text
from archdsl.report.train_page import train_page
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.manifest import Manifest, described, manifest, refuse_differences
from archdsl.runs.processes import Processes, processes
from archdsl.runs.reporter import Reporter
from archdsl.train.drawing import drawn_predictions, legend_of
from archdsl.train.folder import FREE, RunFolder
from archdsl.train.initial import load_matching, load_report_text, weights_at
from archdsl.train.inspected import weighted_classes
from archdsl.train.loop import Training
from archdsl.train.networks import demand_parameters
from archdsl.train.options import TrainOptions
from archdsl.train.output_losses import binary_maps, with_aux
from archdsl.train.recipe import Recipe, TrainProgress
from archdsl.train.settings import (
    class_rule_of,
    demand_aux,
    demand_precision,
    losses_of,
    taught_outputs,
    teacher_of,
    usual_crop,
    validated_recipe,
)
from archdsl.train.weights import SPEC, module_with_weights, network_hash, network_text


@dataclass(frozen=True)
class Trained:
    """A trained network with its best validation score and the files of the run.

    `score` is the best value of `metric` on the validation images: mIoU, F1, or MAE, of which less is better;
    `miou` is the same value if the metric is mIoU, else nan. `weights` is the file of the best weights.
    """

    network: Network
    miou: float
    folder: Path
    weights: Path
    score: float = math.nan
    metric: str = "mIoU"

    def module(self) -> CompiledNetwork:
        """The network with its best weights, in eval mode."""
        return module_with_weights(self.network, self.weights)[0]


@contextmanager
def prepared(
    network: Network, splits: Splits, options: TrainOptions, reporter: Reporter
) -> Iterator[Training]:
    """A context manager that yields a training, ready to run or resume, and locks its folder.

    `network` must include its train-only outputs, and have as many classes as the dataset. Raises SpecError
    for all errors that would stop the training later, and OptionError for unsupported options.
    """
    here = processes(options.device)
    try:
        folder = RunFolder(options.folder or Path("runs") / network.name)
        demand_precision(options.recipe.get("amp"), here)
        aux = options.recipe.get("aux", {})
        losses = losses_of(network, splits, options)
        demand_aux(aux, network, losses)
        trained = dict.fromkeys([name for loss in losses for name in loss.outputs] + list(aux))
        demand_parameters(network, list(trained))
        rule = class_rule_of(losses, options.class_weights)
        weights = weighted_classes(splits, rule, here, reporter, binary_maps(losses))
        recipe_of = {**options.recipe, "class_weights": weights}
        torch.manual_seed(recipe_of.get("seed", 0))
        module = network.module()
        init, init_text = _started(module, options, folder, here, reporter)
        recipe_of["crop"] = recipe_of.get("crop") or usual_crop(network, splits, options)
        recipe = validated_recipe(recipe_of, module, splits.train.channels)
        demand_statistics(network.graph, recipe.crop, recipe.batch)
        taught = taught_outputs(network, options.teacher, recipe, with_aux(losses, aux), reporter)
        teacher, of_teacher = teacher_of(network, options.teacher, recipe, channels_of_maps(splits.train))
        with folder.held(here.is_first):
            chosen = {**options.recorded, "licence": options.licence, "init": init, **of_teacher}
            settings = {**_settings(recipe), **chosen, "class_weights_rule": options.class_weights}
            wanted = _manifest(network, splits, settings, options, here)
            if here.is_first and options.resume:
                folder.resume("train", wanted, FREE)
            elif here.is_first:
                folder.start(wanted)
                if init_text is not None:
                    atomic.write_text(folder.init, f"{init_text}\n")
            here.wait()
            facts = _facts(network, splits, options.licence, wanted.data["training sha256"])
            training = Training(module, splits, recipe, folder, here, facts, teacher, taught)
            if options.resume:
                training.restore()
            yield training
    finally:
        here.stop()


def finish(
    network: Network, training: Training, report: Callable[[TrainProgress], None], stop: Callable[[], bool]
) -> Trained:
    """Runs a prepared training, and writes its report.

    If `stop` returns True, writes a checkpoint and the report, and raises Interrupted. Raises SpecError as
    `Training.run`.
    """
    folder = training.folder
    try:
        best = training.run(report, stop)
    except Interrupted:
        _write_page(training, network)
        raise
    _write_page(training, network)
    name = training.scored_outputs[0].leading
    miou = best if name == "miou" else math.nan
    return Trained(network, miou, folder.path, folder.best_weights, best, NAMES[name])


def run(
    network: Network,
    splits: Splits,
    options: TrainOptions | None = None,
    *,
    reporter: Reporter | None = None,
    report: Callable[[TrainProgress], None] = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Trains a network; returns its best score and the files of the run.

    `report` is called after every step and evaluation. Raises SpecError and OptionError as `prepared`, and
    Interrupted if `stop` returned True.
    """
    with prepared(network, splits, options or TrainOptions(), reporter or Reporter()) as training:
        return finish(network, training, report, stop)


def _settings(recipe: Recipe) -> dict[str, Any]:
    """The recipe as settings of the manifest; without a teacher, settings of distillation are omitted."""
    found = asdict(recipe)
    if recipe.distill_loss is None:
        return {key: value for key, value in found.items() if not key.startswith("distill_")}
    return found


def _started(
    module: nn.Module, options: TrainOptions, folder: RunFolder, here: Processes, reporter: Reporter
) -> tuple[Any, str | None]:
    """Initializes the weights of a module from the file `options.init`, if set.

    Returns the entry of the manifest, and the report on the file, or None. A run that is resumed without a
    checkpoint is initialized from the recorded file again.
    """
    if options.init is None:
        recorded = options.recorded.get("init")
        if isinstance(recorded, dict) and not folder.checkpoints.steps():
            file = Path(str(recorded.get("file")))
            if not file.is_file() or load_matching(module, file).recorded() != recorded:
                why = f"{file}, the initial weights of the run, was changed or removed"
                refuse_differences(folder.path, [why])
        return recorded, None
    found = load_matching(module, weights_at(options.init))
    if here.is_first:
        reporter.info(load_report_text(found, folder.init))
    if options.init_strict and not found.is_whole:
        lacking = [*found.other_shape, *found.lacking]
        headline = f"{found.file} lacks {len(lacking)} tensors of the network, first `{lacking[0]}`"
        help = "use --init without --init-strict to load matching tensors only"
        raise SpecError([Diagnostic("ARCH913", headline, help=help)])
    return found.recorded(), load_report_text(found)


def _manifest(
    network: Network, splits: Splits, settings: dict[str, Any], options: TrainOptions, here: Processes
) -> Manifest:
    seed = settings.pop("seed")  # recorded elsewhere in the manifest
    return manifest(
        "train", name=network.name, spec=network_text(network), spec_sha256=network_hash(network),
        data=described(splits), settings=settings, seed=seed, device=str(here.device),
        command=options.command or tuple(sys.argv),
    )  # fmt: skip


def _facts(network: Network, splits: Splits, licence: str, fingerprint: str) -> dict[str, str]:
    """The metadata of files of weights: network, classes, data and licence."""
    return {
        SPEC: network_hash(network), "name": network.name, "classes": json.dumps(splits.train.classes),
        "colours": json.dumps(splits.train.colours), "data": splits.train.name,
        "data_sha256": fingerprint, "licence": licence,
    }  # fmt: skip


def _write_page(training: Training, network: Network) -> None:
    """Writes report.html into the run folder, in the first process."""
    if training.processes.is_first:
        dataset, outputs = training.splits.val, training.scored_outputs
        shown = drawn_predictions(training.evaluated, dataset, outputs, training.processes)
        legend = legend_of(outputs, dataset)
        page = train_page(training.folder.path, layers_text(network.graph), shown, legend)
        atomic.write_text(training.folder.report, page)
