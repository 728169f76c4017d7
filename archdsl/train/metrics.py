"""How good predicted classes are: the confusion matrix, and what follows from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archdsl.data.dataset import IGNORE


class Confusion:
    """Counts of pixels by true class (rows) and predicted class (columns); ignored pixels do not count."""

    def __init__(self, classes: int):
        self.classes = classes
        self.matrix = torch.zeros(classes, classes, dtype=torch.int64)

    def add(self, predicted: Any, truth: Any) -> None:
        """Counts class numbers, H × W or B × H × W, tensors or arrays.

        Raises ValueError where the sizes differ, or a label is neither a class nor ignored.
        """
        guess, true = _whole(predicted), _whole(truth)
        if guess.shape != true.shape:
            raise ValueError(f"predicted {tuple(guess.shape)}, true {tuple(true.shape)}")
        ignored = true == IGNORE
        strange = ((true < 0) | (true >= self.classes)) & ~ignored | (guess < 0) | (guess >= self.classes)
        if bool(strange.any()):
            raise ValueError(f"a label outside the {self.classes} classes")
        bins = self.classes * self.classes
        pairs = torch.where(ignored, bins, true * self.classes + guess)
        counts = torch.bincount(pairs.flatten(), minlength=bins + 1)[:bins]
        self.matrix += counts.reshape(self.classes, self.classes).cpu()

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class; nan where a class is neither there nor predicted."""
        matrix = self.matrix.double()
        hits = matrix.diagonal()
        return (hits / (matrix.sum(0) + matrix.sum(1) - hits)).numpy()  # 0 / 0 is nan

    def mean_iou(self) -> float:
        """The mean over classes that are there or were predicted; nan before anything was added."""
        there = self.iou()
        there = there[~np.isnan(there)]
        return float(there.mean()) if len(there) else float("nan")

    def accuracy(self) -> float:
        """The share of pixels that are right; nan before anything was added."""
        return float(self.matrix.diagonal().sum().double() / self.matrix.sum())


def _whole(classes: Any) -> torch.Tensor:
    return torch.as_tensor(classes).to(torch.int64)
