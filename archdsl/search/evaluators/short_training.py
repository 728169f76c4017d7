"""Networks of a space trained from scratch on a short schedule, and scored by the objective.

A supernet scores candidates with shared weights on training images, which favours larger candidates among
nearly equal ones.  Short trainings, compared by the objective on the validation images, correct this.  Not in
the papers; DARTS (arXiv:1806.09055, section 3.2) selects among the networks of several searches this way.

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
from archdsl.search.differentiable.step import Stepper
from archdsl.search.evaluators.base import Scores
from archdsl.search.evaluators.from_scratch import FromScratch
from archdsl.search.result import named
from archdsl.train.evaluation import seen


class ShortTraining:
    """Trains with the search's weight optimizer for the epochs of refinement, and scores on a dataset."""

    def __init__(self, stepper: Stepper, space: Space, batches: Batches, dataset: Dataset):
        self.stepper, self.space, self.batches, self.dataset = stepper, space, batches, dataset

    def score(self, outcomes: Mapping[str, int]) -> Scores:
        """The objective of a network: the loss on entire images, and its own costs.

        Infinite if it is not finite. Raises SpecError (ARCH918) if the network does not support the image
        size.
        """
        return {"objective": self._objective(self._trained(outcomes), outcomes)}

    def _trained(self, outcomes: Mapping[str, int]) -> nn.Module:
        torch.manual_seed(self.stepper.seed)
        module: nn.Module = self.space.bind(named(self.space, outcomes)).module()
        for _ in FromScratch(module, self.stepper).epochs(self.batches, self.stepper.config.refine_epochs):
            pass
        return module.eval()

    @torch.inference_mode()
    def _objective(self, module: nn.Module, outcomes: Mapping[str, int]) -> float:
        here, objective, total, pixels = self.stepper.processes, self.stepper.main.objective, 0.0, 0.0
        for logits_BKHW, masks_BHW in seen(module, self.dataset, here):
            if count := float(objective.labelled(masks_BHW)):
                task = objective.task(logits_BKHW, masks_BHW)
                total, pixels = total + count * float(task), pixels + count
        total, pixels = here.sum(torch.tensor([total, pixels], dtype=torch.float64)).tolist()
        task = torch.tensor(total / pixels if pixels else 0.0)
        value = float(objective.value(task, objective.costs_of(outcomes)))
        return value if math.isfinite(value) else math.inf
