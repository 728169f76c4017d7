"""Evaluates a network on a dataset: mIoU, IoU per class, accuracy, and scores of other outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.data.dataset import Dataset
from archdsl.data.maps import channels_of_maps
from archdsl.data.soundness import SCORED
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.train.evaluation import Size, demand_fitting
from archdsl.train.inspected import inspected
from archdsl.train.metrics import Confusion
from archdsl.train.networks import demand_maps
from archdsl.train.tallies import ClassTally, ScoredOutput, tallied
from archdsl.train.tasks import PLAIN, demand_targets_of


@dataclass(frozen=True)
class Scores:
    """Scores of a network on a split of a dataset, over all pixels with a target.

    `confusion_KK` is the confusion matrix of the first output, numbers of pixels by true class (rows) and
    predicted class (columns); empty if that output does not predict classes. `outputs` are the scores of
    other outputs by name: f1, precision and recall of binary maps; mae, rmse and delta1 of regression; nan
    where undefined.
    """

    classes: tuple[str, ...]
    confusion_KK: torch.Tensor
    images: int
    outputs: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def miou(self) -> float:
        """Mean IoU over classes present or predicted; nan without labelled pixels."""
        return self._confusion().mean_iou()

    @property
    def accuracy(self) -> float:
        """Pixel accuracy; nan without labelled pixels."""
        return self._confusion().accuracy()

    @property
    def iou(self) -> dict[str, float | None]:
        """Intersection over union per class; None for classes neither present nor predicted."""
        found = self._confusion().iou().tolist()
        return {name: None if math.isnan(iou) else iou for name, iou in zip(self.classes, found, strict=True)}

    def _confusion(self) -> Confusion:
        confusion = Confusion(len(self.classes))
        confusion.matrix = self.confusion_KK
        return confusion


def scored(
    module: nn.Module, dataset: Dataset, here: Processes, reporter: Reporter, size: Size | None = None,
    outputs: Sequence[ScoredOutput] = PLAIN,
) -> Scores:  # fmt: skip
    """Evaluates a module on all images of a dataset, after inspecting all files of the dataset.

    The module maps normalized images, B × C × H × W, to logits. Images are resized to `size` (height, width),
    if set, and padded if needed. Raises SpecError for invalid files, for unsupported sizes (ARCH918), and for
    targets of `outputs` that the dataset lacks (ARCH838).
    """
    demand_targets_of(outputs, dataset)
    if isinstance(module, CompiledNetwork):
        demand_maps(module.archdsl_graph, channels_of_maps(dataset))
    if here.is_first:
        inspected({SCORED: dataset}, reporter)
        wanted = size or dataset[0].mask.shape
        fit = demand_fitting(module, (wanted[0], wanted[1]), dataset.channels)
        if fit != wanted:
            padded = f"images of {wanted[0]}×{wanted[1]} are padded to {fit[0]}×{fit[1]}"
            reporter.warn(f"{padded}, a size that the network supports")
    checked = module.register_forward_hook(partial(_demand_logits, len(dataset.classes), outputs[0].task))
    try:
        found = tallied(module.to(here.device), dataset, here, outputs, size)
    finally:
        checked.remove()
    (_, first), *others = found.items()
    if not isinstance(first, ClassTally):
        every = {name: one.scores() for name, one in found.items()}
        return Scores((), torch.zeros(0, 0), len(dataset), every)
    rest = {name: one.scores() for name, one in others}
    return Scores(tuple(dataset.classes), first.confusion.matrix, len(dataset), rest)


def _demand_logits(classes: int, task: str, _module: nn.Module, _inputs: object, output: object) -> None:
    """Raises SpecError for an output without a channel for each class (ARCH918), or with NaN (ARCH934)."""
    if not isinstance(output, torch.Tensor) or output.dim() != 4:
        return
    if task == "classes" and output.shape[1] != classes:
        headline = f"the module predicts {output.shape[1]} classes, but the data has {classes}"
        raise SpecError(
            [Diagnostic("ARCH918", headline, help=f"set the channels of its output to {classes}")]
        )
    if not output.is_meta and bool(output.isnan().any()):
        headline = "the module's output is not a number (NaN) for some pixels"
        raise SpecError(
            [Diagnostic("ARCH934", headline, help="check its weights, and the range of its inputs")]
        )


def demand_same_classes(trained: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Raises SpecError (ARCH946) if the classes of weights (`trained`) and of data (`found`) differ.

    Nothing is checked if the classes of the weights are unknown.
    """
    if not trained or trained == found:
        return
    headline = f"the weights predict {_some(trained)}, but the data has {_some(found)}"
    if sorted(trained) == sorted(found):
        words = "+".join(trained)
        own = "and `labels` if the mask labels differ"
        help = f"the order differs: set `classes={words}` in --data, {own}"
    else:
        help = "set the classes of a folder to those of the weights: `classes=…` in --data, and `labels`"
    raise SpecError([Diagnostic("ARCH946", headline, help=help)])


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
