"""Trains a network from scratch with the loss and the weight optimizer of a differentiable search."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from archdsl.data.batches import Batch, Batches
from archdsl.program import Network
from archdsl.search.differentiable.optimisers import change, optimiser, set_rates
from archdsl.search.differentiable.step import SearchTrainer
from archdsl.train.descent import epochs_of
from archdsl.train.evaluation import inputs_of
from archdsl.train.synchronised import synchronise


class FromScratch:
    """Trains the module of a network in place, with equal weights in all processes, determined by the seed.

    In contrast to `Descent`, it uses the loss, the optimizer and the random numbers of a search, accepts a
    module without parameters, and does not stop at a non-finite loss, which makes the score of the network
    infinite.
    """

    def __init__(self, network: Network, trainer: SearchTrainer):
        """Creates the module with random weights, and with train-only outputs if the losses name outputs."""
        self.of_outputs = trainer.main.objective.names_outputs
        module = (network.with_train_outputs() if self.of_outputs else network).module()
        self.trainer, self.module = trainer, module.to(trainer.processes.device)
        trainer.processes.same_weights(self.module)
        synchronise(self.module, trainer.processes)
        params = list(self.module.parameters())
        self.by = optimiser(trainer.config.parameters, params) if params else None

    def epochs(self, batches: Batches, epochs: int) -> Iterator[nn.Module]:
        """Trains for `epochs`, the span of the learning rate schedule; yields the module after each epoch.

        The module is then in eval mode.
        """
        for _ in epochs_of(batches, epochs, lambda step, steps, batch: self.step(batch, step / steps)):
            yield self.module.eval()

    def step(self, batch: Batch, progress: float) -> None:
        """Runs a training step; `progress`, from 0 to 1, determines the learning rates."""
        config = self.trainer.config
        if self.by is None:
            return
        self.module.train()
        set_rates(self.by, config.parameters, progress)
        loss = self.trainer.task(self._outputs, batch)
        self.by.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not where only further outputs have parameters
            loss.backward()  # type: ignore[no-untyped-call]
        change(self.by, self.trainer.processes, config.clip)

    def _outputs(self, images_B3HW: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        run = self.module.forward_all if self.of_outputs else self.module
        found: torch.Tensor | dict[str, torch.Tensor] = run(*inputs_of(self.module, images_B3HW))
        return found
