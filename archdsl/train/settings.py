"""The settings of a training: options with their defaults, checked against the network and the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import nn

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.dataset import Splits
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.spec.loss_text import read_loss
from archdsl.spec.losses import class_rule, demand_minimized
from archdsl.train.distillation import Teacher
from archdsl.train.evaluation import fitting
from archdsl.train.networks import image_size, output_maps
from archdsl.train.options import OptionError, TrainOptions
from archdsl.train.output_losses import demanded_losses
from archdsl.train.recipe import Recipe
from archdsl.train.task import OutputLoss

_LARGEST_CROP = (512, 1024)


def demand_precision(amp: str | None, here: Processes) -> None:
    """Raises OptionError for mixed precision on a device that does not support it."""
    if amp and here.device.type != "cuda":
        raise OptionError(f"mixed precision (amp) requires CUDA, but the device is {here.device.type}")


def losses_of(network: Network, splits: Splits, options: TrainOptions) -> tuple[OutputLoss, ...]:
    """The losses of the recipe. Raises SpecError (ARCH836 to ARCH839) for those that cannot be trained."""
    formula = read_loss(options.recipe.get("loss", "ohem"), "--loss")
    demand_minimized(formula)
    return demanded_losses([formula], network.graph, splits.train)


def class_rule_of(losses: Sequence[OutputLoss], option: str | None) -> str | None:
    """The rule of class weights: the option, or the setting `class_weights` of the losses; None without.

    Raises OptionError if both are set, if losses have different rules, or for an option without a loss of
    classes.
    """
    rules = {class_rule(loss.term) for loss in losses} - {None}
    if len(rules) > 1 or (rules and option is not None):
        raise OptionError("class weights are set twice: set them once, for all losses")
    of_classes = any(loss.kind.task == "classes" for loss in losses)
    if option is not None and not of_classes:
        raise OptionError("class weights need a loss of classes: cross_entropy or ohem")
    return next(iter(rules), option)


def demand_aux(aux: Mapping[str, float], network: Network, losses: Sequence[OutputLoss]) -> None:
    """Raises OptionError for weights of auxiliary outputs that the loss of the main output cannot train."""
    maps = output_maps(network)
    main, *further = maps
    if aux and [loss.outputs for loss in losses] != [(main,)]:
        raise OptionError(
            f"aux adds the loss of `{main}` for other outputs; write them into the loss instead"
        )
    for name, weight in aux.items():
        if name not in further:
            raise OptionError(f"aux: {network.name} has no auxiliary output `{name}`")
        if maps[name] != maps[main]:
            raise OptionError(
                f"aux: `{name}` must have {maps[main]} channels, one per class, got {maps[name]}"
            )
        if not 0 < weight < math.inf:
            raise OptionError(f"aux: the weight of `{name}` must be > 0, got {weight}")


def validated_recipe(given: Mapping[str, Any], module: nn.Module, channels: int) -> Recipe:
    """Validates the hyperparameters `given`, by name of the field; missing fields have their defaults.

    `channels` is the number of image channels. Raises OptionError for invalid values, and SpecError (ARCH918)
    if the network does not support images of the crop size.
    """
    try:
        recipe = TypeAdapter(Recipe).validate_python(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        raise OptionError(f"{first['loc'][0]}: {first['msg']}") from error
    if recipe.scale[0] <= 0 or recipe.scale[0] > recipe.scale[1]:
        raise OptionError("scale must be [minimum, maximum], both > 0")
    fits = fitting(module, recipe.crop, channels)
    if fits != recipe.crop:
        size = "×".join(map(str, recipe.crop))
        help = f"use --crop {fits[0]}x{fits[1]}" if fits else "the network supports no size"
        raise SpecError([Diagnostic("ARCH918", f"the network does not support images of {size}", help=help)])
    return recipe


def usual_crop(network: Network, splits: Splits, options: TrainOptions) -> tuple[int, int]:
    """The default crop (height, width): that of the first image, at most 512 × 1024, in multiples of 32.

    With `options.declared_size`, the input size of the network.
    """
    if options.declared_size:
        return image_size(network)
    sides = zip(splits.train[0].mask.shape, _LARGEST_CROP, strict=True)
    height, width = (max(min(side, most) // 32 * 32, min(side, 32)) for side, most in sides)
    return height, width


def teacher_of(
    network: Network, teacher: Teacher | None, recipe: Recipe, maps: Mapping[str, int]
) -> tuple[CompiledNetwork | None, dict[str, Any]]:
    """The teacher as a module (None without a teacher), and its entries in the manifest.

    `maps` are the maps of the data with their numbers of channels. Raises OptionError for settings of
    distillation that contradict each other, and SpecError as `Teacher.module`.
    """
    if (teacher is None) != (recipe.distill_loss is None):
        raise OptionError("distillation needs both a teacher and `distill_loss`")
    if teacher is None:
        return None, {}
    if recipe.distill_loss == "released" and recipe.distill_temperature != 1:
        raise OptionError(
            "the distillation loss `released` has temperature 1: use `pixel` for other temperatures"
        )
    module, start = teacher.module(network, recipe.crop, maps)
    return module, teacher.recorded(start)


def taught_outputs(
    network: Network, teacher: Teacher | None, recipe: Recipe, losses: Sequence[OutputLoss],
    reporter: Reporter,
) -> Mapping[str, str]:  # fmt: skip
    """The outputs that are distilled from a teacher: maps their names to those of the teacher's outputs.

    Raises SpecError (ARCH817) if there are none, and OptionError for settings of distillation without effect.
    """
    if teacher is None:
        return {}
    found = teacher.taught_outputs(network, losses)
    tasks = {loss.kind.task for loss in losses for name in loss.outputs if name in found.outputs}
    if recipe.distill_loss == "released" and "classes" not in tasks:
        raise OptionError(
            "the distillation loss `released` applies to class predictions, but none are distilled"
        )
    if recipe.distill_temperature != 1 and tasks == {"regression"}:
        raise OptionError(
            "a distillation temperature applies to probabilities, but only regression outputs are distilled"
        )
    reporter.info(found.described(teacher.network.name))
    return found.outputs
