"""Trains networks from scratch on a short schedule, and scores them by the objective of the search.

A differentiable search judges candidates with shared weights on training images, which favours larger ones
among nearly equal candidates. Short trainings, compared by the objective on the validation images, correct
this. This is not part of the papers; DARTS (arXiv:1806.09055, section 3.2) selects among the networks of
several searches this way.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from archdsl.data.batches import Batches
from archdsl.data.dataset import Dataset
from archdsl.program import Space
from archdsl.search.differentiable.step import SearchTrainer
from archdsl.search.evaluators.base import Scores
from archdsl.search.evaluators.from_scratch import FromScratch
from archdsl.search.result import named
from archdsl.train.evaluation import seen_outputs


class ShortTraining:
    """Trains networks for `refine_epochs` with a search's weight optimizer; scores them on a dataset."""

    def __init__(self, trainer: SearchTrainer, space: Space, batches: Batches, dataset: Dataset):
        self.trainer, self.space, self.batches, self.dataset = trainer, space, batches, dataset

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """Trains a network; returns its objective, from losses on entire images and its exact costs.

        The objective is infinite if it is not a finite number. Raises SpecError (ARCH918) if the network does
        not support the image size.
        """
        return {"objective": self._objective(self._trained(outcomes), outcomes)}

    def _trained(self, outcomes: Mapping[str, int]) -> nn.Module:
        torch.manual_seed(self.trainer.seed)
        training = FromScratch(self.space.bind(named(self.space, outcomes)), self.trainer)
        for _ in training.epochs(self.batches, self.trainer.config.refine_epochs):
            pass
        return training.module.eval()

    @torch.inference_mode()
    def _objective(self, module: nn.Module, outcomes: Mapping[str, int]) -> float:
        here, objective = self.trainer.processes, self.trainer.main.objective
        outputs = objective.outputs if objective.names_outputs else ()
        sums = {loss.key: [0.0, 0.0] for loss in objective.losses}
        for found, targets in seen_outputs(
            module, self.dataset, here, outputs or (objective.main,), objective.targets
        ):
            for loss in objective.losses:
                if count := float(loss.counted(targets[loss.target])):
                    of = [name for name in loss.outputs if name in found]
                    task = sum(float(loss.of(found[name], targets[loss.target])) for name in of)
                    total, pixels = sums[loss.key]
                    sums[loss.key] = [total + count * task, pixels + count]
        losses = {}
        for key, both in sums.items():
            total, pixels = here.sum(torch.tensor(both, dtype=torch.float64)).tolist()
            losses[key] = torch.tensor(total / pixels if pixels else 0.0)
        value = float(objective.value(losses, objective.costs_of(outcomes)))
        return value if math.isfinite(value) else math.inf
