"""Scores of an output over the images of a dataset: of classes, of yes-or-no maps, and of maps of numbers.

Shapes: B images, C channels of an output, H × W pixels. Targets of maps are NaN where unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import torch
from torch import nn

from archdsl.configs.word import Task
from archdsl.data.dataset import Dataset
from archdsl.report.scores import LOWER
from archdsl.runs.processes import Processes
from archdsl.train.evaluation import Size, seen_outputs
from archdsl.train.metrics import Confusion


class Tally(Protocol):
    """Counts what an output predicts; `leading` is the score that decides, by its key in `scores`."""

    leading: ClassVar[str]

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None: ...

    def join(self, processes: Processes) -> None:
        """Adds up the counts of all processes."""
        ...

    def scores(self) -> dict[str, float]:
        """The scores by name; nan where no pixel says anything."""
        ...


@dataclass
class ClassTally:
    """The confusion matrix of logits of classes."""

    confusion: Confusion
    leading: ClassVar[str] = "miou"

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
        self.confusion.add(output_BCHW.argmax(1), target_BHW)

    def join(self, processes: Processes) -> None:
        self.confusion.matrix = processes.sum(self.confusion.matrix)

    def scores(self) -> dict[str, float]:
        return {"miou": self.confusion.mean_iou(), "accuracy": self.confusion.accuracy()}


@dataclass
class BinaryTally:
    """Hits, false alarms and misses of a logit whose probability is at least 0.5.

    Targets of at least 0.5 are positive.
    """

    counts: torch.Tensor = field(default_factory=lambda: torch.zeros(3, dtype=torch.int64))
    leading: ClassVar[str] = "f1"

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
        known = ~target_BHW.isnan()
        guess, true = (output_BCHW[:, 0] >= 0) & known, (target_BHW >= 0.5) & known
        found = torch.stack([(guess & true).sum(), (guess & ~true).sum(), (~guess & true).sum()])
        self.counts += found.cpu()

    def join(self, processes: Processes) -> None:
        self.counts = processes.sum(self.counts)

    def scores(self) -> dict[str, float]:
        """F1, precision and recall.

        Precision is nan without positive predictions, recall without positive targets.
        """
        hits, alarms, misses = self.counts.tolist()
        return {
            "f1": _ratio(2 * hits, 2 * hits + alarms + misses),
            "precision": _ratio(hits, hits + alarms), "recall": _ratio(hits, hits + misses),
        }  # fmt: skip


@dataclass
class RegressionTally:
    """Sums of errors of a map of numbers."""

    sums: torch.Tensor = field(default_factory=lambda: torch.zeros(5, dtype=torch.float64))
    leading: ClassVar[str] = "mae"

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None:
        known = ~target_BHW.isnan()
        guess, true = output_BCHW[:, 0][known].double(), target_BHW[known].double()
        error, above = guess - true, true > 0
        close = above & (guess > 0) & (guess < 1.25 * true) & (true < 1.25 * guess)
        one = known.new_ones((), dtype=torch.float64)
        found = [one * len(true), error.abs().sum(), (error**2).sum(), one * above.sum(), one * close.sum()]
        self.sums += torch.stack(found).cpu()

    def join(self, processes: Processes) -> None:
        self.sums = processes.sum(self.sums)

    def scores(self) -> dict[str, float]:
        """Mean absolute error, root of the mean squared error, and δ < 1.25: of the pixels with a target
        above 0, the share whose ratio to it is less than 1.25 (Eigen and others, arXiv:1406.2283).
        """
        count, absolute, squared, above, close = self.sums.tolist()
        return {
            "mae": _ratio(absolute, count), "rmse": math.sqrt(_ratio(squared, count)),
            "delta1": _ratio(close, above),
        }  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True)
class ScoredOutput:
    """An output that is scored: its name ("": the main output of any module), target and task.

    `scale` is what 1 in the files of its target stands for (`archdsl.data.maps.MapKind`).
    """

    name: str
    target: str
    task: Task
    scale: float | None = None

    def tally(self, classes: int) -> Tally:
        if self.task == "classes":
            return ClassTally(Confusion(classes))
        return BinaryTally() if self.task == "binary" else RegressionTally()

    @property
    def leading(self) -> str:
        """The score that decides, as `Tally.leading`."""
        return _LEADING[self.task]


_LEADING: dict[Task, str] = {
    "classes": ClassTally.leading, "binary": BinaryTally.leading, "regression": RegressionTally.leading,
}  # fmt: skip


@torch.inference_mode()
def tallied(
    module: nn.Module, dataset: Dataset, processes: Processes, outputs: Sequence[ScoredOutput],
    size: Size | None = None, made: Callable[[ScoredOutput, int], Tally] = ScoredOutput.tally,
) -> dict[str, Tally]:  # fmt: skip
    """The scores of outputs of a network in eval mode, by output, at the resolution of the labels.

    The work is split among processes; each returns the scores of all images. `made` makes the empty tally of
    an output, for a number of classes.  Raises SpecError as `seen_outputs`.
    """
    was_training = module.training
    module.eval()
    found = {one.name: made(one, len(dataset.classes)) for one in outputs}
    targets = [one.target for one in outputs]
    for seen, there in seen_outputs(module, dataset, processes, list(found), targets, size):
        for one in outputs:
            found[one.name].add(seen[one.name], there[one.target])
    for tally in found.values():
        tally.join(processes)
    module.train(was_training)
    return found


def value_of(tally: Tally) -> float:
    """The leading score as a number of which more is better; the worst one without pixels."""
    score = tally.scores()[tally.leading]
    if math.isnan(score):
        return -math.inf if tally.leading in LOWER else 0.0
    return -score if tally.leading in LOWER else score
