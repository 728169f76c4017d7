"""Gradient descent with several optimizers, for different parts of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import nn

from archdsl.data.batches import Stepwise, prefetched
from archdsl.runs.faults import demand_finite
from archdsl.runs.processes import Processes
from archdsl.train.average import Average

B = TypeVar("B")


@dataclass(frozen=True)
class Part:
    """The parameters of one optimizer.

    `lr` is a function from the progress of the training, 0 to 1, to the learning rate. Gradients are clipped
    to a norm of `clip`, unless that is 0.
    """

    optimiser: torch.optim.Optimizer
    lr: Callable[[float], float]
    clip: float = 0.0

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimiser.param_groups for p in group["params"]]


def epochs_of(batches: Stepwise[B], epochs: int, train: Callable[[int, int, B], None]) -> Iterator[int]:
    """Calls `train(step, steps, batch)` for each step of a training; yields each finished epoch.

    Steps count from 0, epochs from 1; `steps` is the total number of steps.
    """
    steps = epochs * batches.steps_per_epoch
    with closing(prefetched(batches, 0, steps)) as ahead:
        for step, batch in ahead:
            train(step, steps, batch)
            epoch, within = divmod(step + 1, batches.steps_per_epoch)
            if within == 0:
                yield epoch


class Descent(Generic[B]):
    """Trains `module` in place by gradient descent on `loss`, a function of a batch.

    `average` follows the weights after each step; `last_good` returns the checkpoint that error messages
    name.
    """

    def __init__(
        self, module: nn.Module, parts: Sequence[Part], loss: Callable[[B], torch.Tensor],
        processes: Processes, seed: int, *, scaler: torch.amp.GradScaler | None = None,
        average: Average | None = None, last_good: Callable[[], Path | None] = lambda: None,
    ):  # fmt: skip
        self.module, self.parts, self.loss = module, parts, loss
        self.processes, self.seed = processes, seed
        self.scaler = scaler or torch.amp.GradScaler(processes.device.type, enabled=False)
        self.average, self.last_good = average, last_good

    def step(self, step: int, steps: int, batch: B, stop: bool = False) -> tuple[float, bool]:
        """Runs a training step of `steps`, the total number.

        Returns the mean loss over all processes, and whether `stop` was True in any of them. Raises Diverged
        (ARCH915) for a non-finite loss.
        """
        # What is random in layers depends on the step alone, so that a resumed run draws the same.
        torch.manual_seed(self.seed * 1_000_003 + step * self.processes.world + self.processes.rank)
        for part in self.parts:
            for group in part.optimiser.param_groups:
                group["lr"] = part.lr(step / steps)
        loss = self.loss(batch)
        for part in self.parts:
            part.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        mean, stopping = self._together(loss.detach(), stop)
        demand_finite(mean, step + 1, self.module, lambda: self.loss(batch), self.last_good())
        self.processes.mean_gradients(self.module.parameters())
        for part in self.parts:
            if part.clip > 0:
                self.scaler.unscale_(part.optimiser)
                nn.utils.clip_grad_norm_(part.parameters, part.clip)
            self.scaler.step(part.optimiser)
        self.scaler.update()
        if self.average is not None:
            self.average.follow(self.module)
        return mean, stopping

    def epochs(
        self, batches: Stepwise[B], epochs: int, stop: Callable[[], None] = lambda: None
    ) -> Iterator[int]:
        """Trains for a number of epochs; yields the number of each finished epoch, from 1.

        `stop` is called before each step, and may raise an exception to abort.
        """

        def step(step: int, steps: int, batch: B) -> None:
            stop()
            self.step(step, steps, batch)

        return epochs_of(batches, epochs, step)

    def _together(self, loss: torch.Tensor, stop: bool) -> tuple[float, bool]:
        """The mean loss, and whether `stop` is True in any process, by one all-reduce."""
        both = torch.stack([loss.double(), loss.new_tensor(stop, dtype=torch.float64)])
        total, stops = self.processes.sum(both).tolist()
        return total / self.processes.world, bool(stops)
