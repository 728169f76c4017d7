"""The confusion matrix of a module, for tests of its scores."""

from __future__ import annotations

from torch import nn

from archdsl.data.dataset import Dataset
from archdsl.runs.processes import Processes
from archdsl.train.evaluation import Size
from archdsl.train.metrics import Confusion
from archdsl.train.tallies import ClassTally, tallied
from archdsl.train.tasks import PLAIN


def score(module: nn.Module, dataset: Dataset, processes: Processes, size: Size | None = None) -> Confusion:
    """The confusion matrix of the main output, in eval mode."""
    (found,) = tallied(module, dataset, processes, PLAIN, size).values()
    assert isinstance(found, ClassTally)
    return found.confusion
