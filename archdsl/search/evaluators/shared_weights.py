"""Scores networks of a space with weights inherited from its supernet (one-shot evaluation)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from archdsl.data.batches import Batches
from archdsl.data.dataset import Dataset
from archdsl.runs.processes import Processes
from archdsl.search.differentiable.supernets import Supernet
from archdsl.search.evaluators.base import Scores
from archdsl.search.extract import recalibrate
from archdsl.train.evaluation import score
from archdsl.train.metrics import Confusion


class SharedWeights:
    """Scores by a trained supernet; batch-norm statistics are recomputed from `calibrate` batches, since the
    supernet's are those of mixtures.
    """

    def __init__(
        self, net: Supernet, batches: Batches, calibrate: int, dataset: Dataset, processes: Processes
    ):
        self.net, self.batches, self.calibrate = net, batches, calibrate
        self.dataset, self.processes = dataset, processes

    def module(self, outcomes: Mapping[str, int]) -> nn.Module:
        """A network with inherited weights, in eval mode."""
        module = self.net.network(outcomes)
        batches = map(self.batches.batch, range(self.calibrate))
        recalibrate(module, [b.images_B3HW.to(self.processes.device) for b in batches])
        return module.eval()

    def confusion(self, module: nn.Module) -> Confusion:
        """The confusion matrix of a module on the whole dataset."""
        return score(module, self.dataset, self.processes)

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """The mIoU of a network."""
        return {"miou": self.confusion(self.module(outcomes)).mean_iou()}
