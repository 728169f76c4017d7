"""Trains networks from scratch, one at a time, and scores them on the validation images.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import cast

import torch

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.configs.evaluators import Training
from archdsl.data.batches import Batch
from archdsl.search.evaluators.base import Candidate, Scores, Surroundings
from archdsl.search.evaluators.lessons import Lessons, part
from archdsl.train.descent import Descent


class OfTraining:
    """Trains each network for the epochs of its rung, or of the evaluator, and scores it at the end."""

    def __init__(self, config: Training, around: Surroundings):
        self.config, self.lessons = config, Lessons(config.loss, around)
        self.demand = self.lessons.demand

    def score(self, candidate: Candidate) -> Scores:
        """The scores of a network's predictions.

        Raises SpecError: as `Lessons.module`; ARCH915 for non-finite values.
        """
        lessons, config = self.lessons, self.config
        module = lessons.module(candidate.network)

        run = module if lessons.is_plain else cast(CompiledNetwork, module).forward_all

        def loss(batch: Batch) -> torch.Tensor:
            return lessons.loss_of_batch(run, batch)

        trained = part(config.optimizer, module.parameters(), config.clip)
        descent = Descent(module, [trained], loss, lessons.processes, lessons.seed)
        for _ in descent.epochs(
            lessons.batches(candidate.network), candidate.epochs or config.epochs, lessons.check_stop
        ):
            pass
        return lessons.predictions.score(module.eval())
