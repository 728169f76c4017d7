"""Accumulates scores of outputs over the images of a dataset: class predictions, binary maps, regression.

Shapes: B images, C channels of an output, H × W pixels. Targets of binary maps and regression are NaN where
unknown.
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
    """Accumulates counts from which the scores of an output are computed; `leading` names the main score."""

    leading: ClassVar[str]

    def add(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor) -> None: ...

    def join(self, processes: Processes) -> None:
        """Replaces the counts by their sums over all processes."""
        ...

    def scores(self) -> dict[str, float]:
        """The scores by name; nan where a score is undefined."""
        ...


@dataclass
class ClassTally:
    """Accumulates the confusion matrix of class predictions, given as logits."""

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
    """Counts true positives, false positives and false negatives of a binary map, given as logits.

    Pixels with a probability of at least 0.5 are predicted positive; targets of at least 0.5 are positive.
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
    """Accumulates errors of a regression output, and the ratios for delta1."""

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
        """Mean absolute error, root mean squared error, and δ1.

        δ1 is the fraction of pixels with a target > 0 for which max(prediction / target, target / prediction)
        < 1.25 (Eigen et al., arXiv:1406.2283).
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

    `scale` is the scale of the files of the target (`archdsl.data.maps.MapKind`).
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
        """The name of the main score of the output, by which networks and weights are compared."""
        return _LEADING[self.task]


_LEADING: dict[Task, str] = {
    "classes": ClassTally.leading, "binary": BinaryTally.leading, "regression": RegressionTally.leading,
}  # fmt: skip


@torch.inference_mode()
def tallied(
    module: nn.Module, dataset: Dataset, processes: Processes, outputs: Sequence[ScoredOutput],
    size: Size | None = None, made: Callable[[ScoredOutput, int], Tally] = ScoredOutput.tally,
) -> dict[str, Tally]:  # fmt: skip
    """Evaluates outputs of a network in eval mode on a dataset; returns a tally by output name.

    Outputs are compared with their targets at the resolution of the labels. The images are split among
    processes; all return the tallies of all images. `made(output, classes)` makes an empty tally. Raises
    SpecError as `seen_outputs`.
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
    """The main score, negated if it is an error, so that more is better; the worst value if undefined."""
    score = tally.scores()[tally.leading]
    if math.isnan(score):
        return -math.inf if tally.leading in LOWER else 0.0
    return -score if tally.leading in LOWER else score
