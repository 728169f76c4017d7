"""The evaluator that trains each network from scratch, and scores it on the validation images.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import cast

import torch

from archdsl.backends.torch_module import CompiledNetwork
from archdsl.configs.evaluators import Training
from archdsl.data.batches import Batch
from archdsl.search.evaluators.base import Candidate, EvaluatorContext, Scores
from archdsl.search.evaluators.training_setup import TrainingSetup, part
from archdsl.train.descent import Descent


class TrainingEvaluator:
    """Trains each network from scratch, and scores it at the end.

    The number of epochs is that of the candidate, if the strategy sets it, or of the evaluator.
    """

    def __init__(self, config: Training, context: EvaluatorContext):
        self.config, self.setup = config, TrainingSetup(config.loss, context)
        self.demand = self.setup.demand

    def score(self, candidate: Candidate) -> Scores:
        """Trains a network; returns the scores of its predictions.

        Raises SpecError: as `TrainingSetup.module`; ARCH915 for non-finite values.
        """
        setup, config = self.setup, self.config
        module = setup.module(candidate.network)

        run = module if setup.is_plain else cast(CompiledNetwork, module).forward_all

        def loss(batch: Batch) -> torch.Tensor:
            return setup.loss_of_batch(run, batch)

        trained = part(config.optimizer, module.parameters(), config.clip)
        descent = Descent(module, [trained], loss, setup.processes, setup.seed)
        for _ in descent.epochs(
            setup.batches(candidate.network), candidate.epochs or config.epochs, setup.check_stop
        ):
            pass
        return setup.predictions.score(module.eval())
