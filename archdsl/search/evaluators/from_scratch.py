"""Trains a network from scratch with the weight optimizer and the batches of a search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from torch import nn

from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.search.differentiable.optimisers import change, optimiser, set_rates
from archdsl.search.differentiable.step import Stepper
from archdsl.train.synchronised import synchronise


class FromScratch:
    """Trains a module in place, identically in all processes. The same seed gives the same weights."""

    def __init__(self, module: nn.Module, stepper: Stepper):
        self.stepper, self.module = stepper, module.to(stepper.processes.device)
        stepper.processes.same_weights(self.module)
        synchronise(self.module, stepper.processes)
        params = list(self.module.parameters())
        self.by = optimiser(stepper.config.parameters, params) if params else None

    def epochs(self, batches: Batches, epochs: int) -> Iterator[nn.Module]:
        """The module after each epoch, in eval mode; learning rates follow their entire schedule."""
        each, steps = batches.steps_per_epoch, epochs * batches.steps_per_epoch
        with closing(prefetched(batches, 0, steps)) as ahead:
            for step, batch in ahead:
                self.step(batch, step / steps)
                if (step + 1) % each == 0:
                    yield self.module.eval()

    def step(self, batch: Batch, progress: float) -> None:
        """Trains on a batch, with the learning rates at a progress from 0 to 1."""
        config = self.stepper.config
        if self.by is None:
            return
        self.module.train()
        set_rates(self.by, config.parameters, progress)
        loss = self.stepper.task(self.module, batch)
        self.by.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not where only further outputs have parameters
            loss.backward()  # type: ignore[no-untyped-call]
        change(self.by, self.stepper.processes, config.clip)
