"""Segmentation metrics from a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from archdsl.data.dataset import IGNORE


class Means(NamedTuple):
    """Scores that are means over classes; nan if no class occurs.

    `miou` is the mean intersection over union, `macc` the mean accuracy of the classes, `fwiou` the mean IoU
    weighted by the number of pixels of each class.
    """

    miou: float
    macc: float
    fwiou: float

    @property
    def reward(self) -> float:
        """(mIoU · mAcc · fwIoU)^(1/3): the reward of template-based search (arXiv:1904.02365)."""
        return math.cbrt(self.miou * self.macc * self.fwiou)


class Confusion:
    """A confusion matrix: numbers of pixels by true class (rows) and predicted class (columns).

    Ignored pixels are excluded.
    """

    def __init__(self, classes: int):
        self.classes = classes
        self.matrix = torch.zeros(classes, classes, dtype=torch.int64)

    def add(self, predicted: Any, truth: Any) -> None:
        """Counts pixels of predicted and true class indices: tensors or arrays, H × W or B × H × W.

        Raises ValueError for different shapes, or class indices out of range.
        """
        guess, true = _whole(predicted), _whole(truth)
        if guess.shape != true.shape:
            raise ValueError(f"predicted {tuple(guess.shape)}, true {tuple(true.shape)}")
        ignored = true == IGNORE
        strange = ((true < 0) | (true >= self.classes)) & ~ignored | (guess < 0) | (guess >= self.classes)
        if bool(strange.any()):
            raise ValueError(f"a label is out of range for {self.classes} classes")
        bins = self.classes * self.classes
        pairs = torch.where(ignored, bins, true * self.classes + guess)
        counts = torch.bincount(pairs.flatten(), minlength=bins + 1)[:bins]
        self.matrix += counts.reshape(self.classes, self.classes).cpu()

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union per class; nan for classes neither present nor predicted."""
        matrix = self.matrix.double()
        hits = matrix.diagonal()
        return (hits / (matrix.sum(0) + matrix.sum(1) - hits)).numpy()  # 0 / 0 is nan

    def mean_iou(self) -> float:
        """Mean IoU over classes present or predicted; nan without pixels."""
        there = self.iou()
        return _mean(there[~np.isnan(there)])

    def accuracy(self) -> float:
        """Pixel accuracy: the fraction of pixels predicted correctly; nan without pixels."""
        return float(self.matrix.diagonal().sum().double() / self.matrix.sum())

    def class_accuracy(self) -> NDArray[np.float64]:
        """The recall of each class: the fraction of its pixels that are predicted correctly; nan for absent
        classes.
        """
        return (self.matrix.diagonal().double() / self.matrix.sum(1)).numpy()

    def means(self, omit: Collection[int] = (), compat: bool = False) -> Means:
        """Scores that are means over the classes present or predicted, except those with indices in `omit`.

        A class that is predicted but absent has an IoU of 0, and is excluded from the mean accuracy. With
        `compat`, it has an accuracy of 2, as in the code released with arXiv:1904.02365, so that `macc` can
        exceed 1.
        """
        iou, accuracy, pixels = self.iou(), self.class_accuracy(), self.matrix.sum(1).numpy()
        kept = ~np.isnan(iou)
        kept[list(omit)] = False
        if compat:
            accuracy = np.where(pixels == 0, 2.0, accuracy)
        counted = kept & ~np.isnan(accuracy)
        weights = np.where(kept, pixels, 0)
        weighed = float(np.where(kept, iou, 0) @ weights / weights.sum()) if weights.any() else float("nan")
        return Means(_mean(iou[kept]), _mean(accuracy[counted]), weighed)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _whole(classes: Any) -> torch.Tensor:
    return torch.as_tensor(classes).to(torch.int64)
