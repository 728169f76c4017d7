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
from archdsl.train.tallies import ScoredOutput, Tally, tallied
from archdsl.train.tasks import PLAIN


class SharedWeights:
    """Scores by a trained supernet; batch-norm statistics are recomputed from `calibrate` batches, since the
    supernet's are those of mixtures.
    """

    def __init__(
        self, net: Supernet, batches: Batches, calibrate: int, dataset: Dataset, processes: Processes,
        output: ScoredOutput = PLAIN[0],
    ):  # fmt: skip
        self.net, self.batches, self.calibrate = net, batches, calibrate
        self.dataset, self.processes, self.output = dataset, processes, output

    def module(self, outcomes: Mapping[str, int]) -> nn.Module:
        """A network with inherited weights, in eval mode."""
        module = self.net.network(outcomes)
        batches = map(self.batches.batch, range(self.calibrate))
        recalibrate(module, [b.images_B3HW.to(self.processes.device) for b in batches])
        return module.eval()

    def tally(self, module: nn.Module) -> Tally:
        """What an output of a module predicts on the whole dataset."""
        return tallied(module, self.dataset, self.processes, [self.output])[self.output.name]

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """The scores of a network, of which the first is the leading one."""
        return self.tally(self.module(outcomes)).scores()
