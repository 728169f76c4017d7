"""Scores networks of a space with weights inherited from its supernet (one-shot evaluation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    """Scores networks with the weights of a trained supernet.

    The batch-norm statistics of each network are recomputed from `calibrate` batches, since those of the
    supernet are of mixtures of networks.
    """

    def __init__(
        self, net: Supernet, batches: Batches, calibrate: int, dataset: Dataset, processes: Processes,
        outputs: Sequence[ScoredOutput] = PLAIN,
    ):  # fmt: skip
        self.net, self.batches, self.calibrate = net, batches, calibrate
        self.dataset, self.processes, self.outputs = dataset, processes, outputs

    def module(self, outcomes: Mapping[str, int]) -> nn.Module:
        """A network with inherited weights and recomputed batch-norm statistics, in eval mode."""
        module = self.net.network(outcomes)
        batches = map(self.batches.batch, range(self.calibrate))
        recalibrate(module, [b.images_B3HW.to(self.processes.device) for b in batches])
        return module.eval()

    def tallies(self, module: nn.Module, outputs: Sequence[ScoredOutput] | None = None) -> dict[str, Tally]:
        """Evaluates outputs of a module, by default all scored ones, on the dataset; a tally by output."""
        return tallied(module, self.dataset, self.processes, outputs or self.outputs)

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """The scores of the first output of a network by name; the main score comes first."""
        first = self.outputs[:1]
        (found,) = self.tallies(self.module(outcomes), first).values()
        return found.scores()
