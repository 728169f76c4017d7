"""One training step of a search: sampling, losses, and updates of weights and architecture.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from archdsl.backends.supernet import SuperNetwork
from archdsl.data.batches import Batch
from archdsl.program import Space
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.faults import demand_finite
from archdsl.runs.processes import Processes
from archdsl.runs.restoring import like, optimiser_state
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.architecture import Draw
from archdsl.search.differentiable.learner import Learner
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.differentiable.optimisers import change, optimiser, set_rates
from archdsl.train.evaluation import at_size
from archdsl.train.synchronised import synchronise


class Stepper:
    """Trains a supernet and architecture parameters in place, batch by batch."""

    def __init__(
        self, config: SearchConfig, space: Space, net: SuperNetwork, objective: ObjectiveFunction,
        keeper: Keeper, processes: Processes, seed: int, amp: torch.dtype | None,
    ):  # fmt: skip
        self.config, self.objective, self.keeper = config, objective, keeper
        self.processes, self.seed, self.amp = processes, seed, amp
        self.net = net.to(processes.device).train()
        self.learner = Learner(config, space, seed, processes.device)
        processes.same_weights(self.net)
        synchronise(self.net, processes)
        self.by_weights = optimiser(config.parameters, self.net.parameters())

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {name: dict(part.state_dict()) for name, part in self._parts().items()}

    def _parts(self) -> dict[str, Any]:
        """Modules and optimizers by their names in checkpoints."""
        return {
            "net": self.net, "architecture": self.learner.architecture, "by_weights": self.by_weights,
            "by_architecture": self.learner.optimiser,
        }  # fmt: skip

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Loads the state of a checkpoint. Raises Unfit, leaving everything unchanged."""
        found = {
            name: optimiser_state(state, name, part)
            if isinstance(part, torch.optim.Optimizer)
            else like(state, name, dict(part.state_dict()))
            for name, part in self._parts().items()
        }
        for name, part in self._parts().items():
            part.load_state_dict(found[name])

    def step(
        self, step: int, steps: int, epoch: int, batch: Batch, held: Callable[[int], Batch]
    ) -> tuple[float, float, dict[str, float]]:
        """Trains on a batch; under first-order bilevel optimization, first the architecture on a batch of
        `held`.

        Returns the objective, the task loss and the expected costs.
        """
        # Randomness in layers depends on the step alone, so that a resumed search is identical.
        torch.manual_seed((self.seed * 1_000_003 + step) * self.processes.world + self.processes.rank)
        for by, settings in (
            (self.by_weights, self.config.parameters), (self.learner.optimiser, self.config.architecture)
        ):  # fmt: skip
            set_rates(by, settings, step / steps)
        trained = self._held_out(step, epoch, held)
        draw = self.learner.draw(step, epoch)
        task, costs, loss = self.losses(batch, draw)
        checked = self._checked(task, loss, batch, draw, step)
        self._backward(loss, trained)
        return *checked, self.objective.named(costs)

    def rehearse(self, step: int, batch: Batch, held: Callable[[int], Batch]) -> None:
        """Runs a step, even with a non-finite loss, for timing; the caller restores the state."""
        trained = self._held_out(step, 0, held)
        _, _, loss = self.losses(batch, self.learner.draw(step, 0))
        self._backward(loss, trained)

    def _held_out(self, step: int, epoch: int, held: Callable[[int], Batch]) -> list[torch.optim.Optimizer]:
        """Under first-order bilevel optimization, trains the architecture; returns the optimizers for the
        main batch.
        """
        if self.config.order == 0:
            return [self.by_weights, self.learner.optimiser]
        _, _, loss = self.losses(held(step), self.learner.draw(step, epoch))
        self._backward(loss, [self.learner.optimiser])
        return [self.by_weights]

    def _checked(
        self, task: torch.Tensor, loss: torch.Tensor, batch: Batch, draw: Draw, step: int
    ) -> tuple[float, float]:
        """The objective and the task loss, averaged over processes, checked before the update."""
        both = self.processes.sum(torch.stack([loss.detach().double(), task.detach().double()]))
        mean, task_mean = (both / self.processes.world).tolist()
        demand_finite(
            mean, step + 1, self.net,
            lambda: self._logits(batch.images_B3HW.to(self.processes.device), draw), self.keeper.newest(),
        )  # fmt: skip
        return mean, task_mean

    def losses(self, batch: Batch, draw: Draw) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        """The task loss, the expected costs, and the objective."""
        task = self.task(lambda images_B3HW: self._logits(images_B3HW, draw), batch)
        costs = self.objective.cost_values(draw.weights)
        return task, costs, self.objective.value(task, costs)

    def task(self, network: Callable[[torch.Tensor], torch.Tensor], batch: Batch) -> torch.Tensor:
        """The task loss, normalized such that its mean over processes is that of all images."""
        with self._precision():
            logits_BKHW = network(batch.images_B3HW.to(self.processes.device))
            masks_BHW = batch.masks_BHW.to(self.processes.device)
            height, width = masks_BHW.shape[-2:]
            task = self.objective.task(at_size(logits_BKHW, (height, width)), masks_BHW)
            return task * self.processes.share(self.objective.labelled(masks_BHW))

    def _logits(self, images_B3HW: torch.Tensor, draw: Draw) -> torch.Tensor:
        if draw.outcomes is None:
            logits_BKHW: torch.Tensor = self.net(images_B3HW, weights=draw.weights)
            return logits_BKHW
        weights = draw.weights if draw.trained else None
        return self.net.path(images_B3HW, outcomes=draw.outcomes, weights=weights)

    def _backward(self, loss: torch.Tensor, optimisers: list[torch.optim.Optimizer]) -> None:
        """Backpropagates, averages and clips gradients, and steps these optimizers."""
        for every in (self.by_weights, self.learner.optimiser):
            every.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for one in optimisers:
            change(one, self.processes, self.config.clip)

    def _precision(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.amp is None else torch.autocast(self.processes.device.type, self.amp)
