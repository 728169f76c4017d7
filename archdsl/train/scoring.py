"""Evaluation of a network on a dataset: mIoU, IoU per class, accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from archdsl.data.dataset import Dataset
from archdsl.data.soundness import SCORED
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.processes import Processes
from archdsl.runs.reporter import Reporter
from archdsl.train.evaluation import Size, demand_fitting, score
from archdsl.train.inspected import inspected
from archdsl.train.metrics import Confusion


@dataclass(frozen=True)
class Scores:
    """Scores of a network on a split of a dataset, over all labelled pixels.

    `confusion_KK` counts pixels by true class (rows) and predicted class (columns).
    """

    classes: tuple[str, ...]
    confusion_KK: torch.Tensor
    images: int

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
    module: nn.Module, dataset: Dataset, here: Processes, reporter: Reporter, size: Size | None = None
) -> Scores:
    """Evaluates a module on all images of a dataset, after inspecting its files.

    The module maps normalized images, B × C × H × W, to logits.  Images are resized to `size`, and padded if
    needed. Raises SpecError for bad files, and for unsupported sizes (ARCH918).
    """
    if here.is_first:
        inspected({SCORED: dataset}, reporter)
        wanted = size or dataset[0].mask.shape
        fit = demand_fitting(module, (wanted[0], wanted[1]), dataset.channels)
        if fit != wanted:
            padded = f"images of {wanted[0]}×{wanted[1]} are padded to {fit[0]}×{fit[1]}"
            reporter.warn(f"{padded}, a size that the network supports")
    confusion = score(module.to(here.device), dataset, here, size)
    return Scores(tuple(dataset.classes), confusion.matrix, len(dataset))


def demand_same_classes(trained: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Raises SpecError (ARCH946) if the weights were trained on different classes."""
    if not trained or trained == found:
        return
    headline = f"the weights predict {_some(trained)}, but the data has {_some(found)}"
    if sorted(trained) == sorted(found):
        words = "+".join(trained)
        own = "and `labels` if the mask labels differ"
        help = f"the order differs: set `classes={words}` in --data, {own}"
    else:
        help = "rename the classes of a folder to those of the weights: `classes=…` in --data"
    raise SpecError([Diagnostic("ARCH946", headline, help=help)])


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
