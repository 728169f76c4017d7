"""The training step of a differentiable search: sampling, losses, and updates of weights and architecture.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from archdsl.data.batches import Batch
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.faults import Diverged, demand_finite
from archdsl.runs.processes import Processes
from archdsl.runs.restoring import like, optimiser_state
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.architecture import ArchitectureSample
from archdsl.search.differentiable.members import CoSearchMember
from archdsl.search.differentiable.optimisers import change, optimiser, set_rates
from archdsl.train.evaluation import inputs_of
from archdsl.train.synchronised import synchronise

Network = Callable[[torch.Tensor], "torch.Tensor | Sequence[torch.Tensor] | Mapping[str, torch.Tensor]"]
"""A function from images to the main output, to the objective's outputs in order, or to outputs by name."""


class SearchTrainer:
    """Trains a supernet, and the architecture parameters of the members of a search, in place, step by step.

    `amp` is the dtype of mixed precision; None for full precision.
    """

    def __init__(
        self, config: SearchConfig, members: Sequence[CoSearchMember], net: nn.Module, keeper: Keeper,
        processes: Processes, seed: int, amp: torch.dtype | None,
    ):  # fmt: skip
        self.config, self.members, self.net, self.keeper = config, members, net, keeper
        self.processes, self.seed, self.amp = processes, seed, amp
        processes.same_weights(self.net)
        synchronise(self.net, processes)
        self.by_weights = optimiser(config.parameters, self.net.parameters())

    @property
    def main(self) -> CoSearchMember:
        """The main member, the last one; its objective also trains networks from scratch."""
        return self.members[-1]

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {name: dict(part.state_dict()) for name, part in self._parts().items()}

    def _parts(self) -> dict[str, Any]:
        """The modules and optimizers, by their names in checkpoints."""
        found: dict[str, Any] = {"net": self.net, "by_weights": self.by_weights}
        for member in self.members:
            found[member.labelled("architecture")] = member.learner.architecture
            found[member.labelled("by_architecture")] = member.learner.optimiser
        return found

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
        """Runs a training step of `steps`, the total number, on a batch.

        With first-order bilevel optimization, first trains the architecture on the batch `held(step)`.
        Returns the objective, the task loss and the expected costs by name. Raises Diverged (ARCH915) for
        non-finite values.
        """
        # Randomness in layers depends on the step alone, so that a resumed search is identical.
        torch.manual_seed((self.seed * 1_000_003 + step) * self.processes.world + self.processes.rank)
        progress = self._progress(step, steps)
        set_rates(self.by_weights, self.config.parameters, progress)
        for member in self.members:
            set_rates(member.learner.optimiser, member.config.architecture, progress)
        trained = self._held_out(step, epoch, held)
        samples = self.samples(step, epoch)
        task, costs, loss = self.losses(batch, samples)
        checked = self._checked(task, loss, batch, samples, step)
        self._backward(loss, trained)
        return *checked, costs

    def _progress(self, step: int, steps: int) -> float:
        """The progress of the learning rate schedules, from 0 to 1; they restart after pretraining."""
        config = self.config
        before = steps * config.pretrain // (config.pretrain + config.epochs)
        return step / before if step < before else (step - before) / (steps - before)

    def rehearse(self, step: int, epoch: int, batch: Batch, held: Callable[[int], Batch]) -> None:
        """Runs a step for timing, even with a non-finite loss; the caller must restore the state."""
        trained = self._held_out(step, epoch, held)
        _, _, loss = self.losses(batch, self.samples(step, epoch))
        self._backward(loss, trained)

    def samples(self, step: int, epoch: int) -> list[list[ArchitectureSample]]:
        """The samples of a step for each member, one for each of its forward passes."""
        started = epoch - self.config.pretrain
        return [member.samples(step, max(0, started), started < 0) for member in self.members]

    def _held_out(self, step: int, epoch: int, held: Callable[[int], Batch]) -> list[torch.optim.Optimizer]:
        """Returns the optimizers that step on the main batch.

        With first-order bilevel optimization, first trains the architecture on the batch `held(step)`.
        """
        learned = [member.learner.optimiser for member in self.members]
        if epoch < self.config.pretrain:
            return [self.by_weights]
        if self.config.order == 0:
            return [self.by_weights, *learned]
        _, _, loss = self.losses(held(step), self.samples(step, epoch))
        self._backward(loss, learned)
        return [self.by_weights]

    def _checked(
        self,
        task: torch.Tensor,
        loss: torch.Tensor,
        batch: Batch,
        samples: Sequence[Sequence[ArchitectureSample]],
        step: int,
    ) -> tuple[float, float]:
        """The objective and the task loss, averaged over processes.

        Raises Diverged if they are not finite.
        """
        both = self.processes.sum(torch.stack([loss.detach().double(), task.detach().double()]))
        mean, task_mean = (both / self.processes.world).tolist()
        if math.isfinite(task_mean) and not math.isfinite(mean):
            terms = f"the task loss is {task_mean:.4g}, but the terms of costs are undefined or too large"
            advice = f"change the objective: {terms}"
            raise Diverged(step + 1, "the objective", self.keeper.newest(), advice)
        images_B3HW = batch.images_B3HW
        run = [(m, sample) for m, own in zip(self.members, samples, strict=True) for sample in own]
        demand_finite(
            mean, step + 1, self.net,
            lambda: self._main(*run[-1], images_B3HW.to(self.processes.device)), self.keeper.newest(),
        )  # fmt: skip
        return mean, task_mean

    def losses(
        self, batch: Batch, samples: Sequence[Sequence[ArchitectureSample]]
    ) -> tuple[torch.Tensor, dict[str, float], torch.Tensor]:
        """The task loss, the expected costs by name, and the objective, summed over members."""
        tasks, values = [], []
        named: dict[str, float] = {}
        for member, own in zip(self.members, samples, strict=True):
            if not own:
                continue
            passes = [self._losses(partial(self._logits, member, sample), batch, member) for sample in own]
            losses = passes[0]
            if len(passes) > 1:
                losses = {key: torch.stack([one[key] for one in passes]).sum() for key in losses}
            costs = member.objective.cost_values(own[0].weights)
            tasks.append(member.objective.task(losses))
            values.append(member.objective.value(losses, costs))
            named |= {member.labelled(name): value for name, value in member.objective.named(costs).items()}
        if len(tasks) == 1:
            return tasks[0], named, values[0]
        return torch.stack(tasks).sum(), named, torch.stack(values).sum()

    def task(self, network: Network, batch: Batch) -> torch.Tensor:
        """The task loss of a network on a batch, by the objective of the main member.

        It is scaled such that its mean over all processes is the loss of the global batch.
        """
        return self.main.objective.task(self._losses(network, batch, self.main))

    def _losses(self, network: Network, batch: Batch, member: CoSearchMember) -> dict[str, torch.Tensor]:
        """The value of each loss of a member's objective, by the text of the loss."""
        objective, device = member.objective, self.processes.device
        with self.precision():
            found = objective.named_outputs(network(batch.images_B3HW.to(device)))
            return objective.task_losses(found, batch.targets(device), self.processes)

    def _logits(
        self, member: CoSearchMember, sample: ArchitectureSample, images_B3HW: torch.Tensor
    ) -> torch.Tensor | Sequence[torch.Tensor]:
        """Runs a forward pass; returns the outputs to which the losses of a member apply."""
        run = forward_pass_of(member.network, sample)
        return run(member.network, inputs_of(member.network, images_B3HW), member.objective.outputs)

    def _main(
        self, member: CoSearchMember, sample: ArchitectureSample, images_B3HW: torch.Tensor
    ) -> torch.Tensor:
        found = self._logits(member, sample, images_B3HW)
        return found if isinstance(found, torch.Tensor) else found[0]

    def _backward(self, loss: torch.Tensor, optimisers: list[torch.optim.Optimizer]) -> None:
        """Runs the backward pass, averages and clips gradients, and steps these optimizers."""
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for one in optimisers:
            change(one, self.processes, self.config.clip)
        # Now, not before the next step, whose forward pass then has their memory.
        for every in (self.by_weights, *(member.learner.optimiser for member in self.members)):
            every.zero_grad(set_to_none=True)

    def precision(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.amp is None else torch.autocast(self.processes.device.type, self.amp)


@dataclass(frozen=True)
class ForwardPass:
    """A forward pass of a supernet: outcome indices of decisions, and outcome weights (None: no weights).

    With `single`, one network is computed; otherwise, all candidates of the decisions without an outcome.
    """

    outcomes: dict[str, int]
    weights: Mapping[str, torch.Tensor] | None
    single: bool

    def __call__(
        self, network: Any, inputs: Sequence[torch.Tensor], outputs: Sequence[str] = ()
    ) -> torch.Tensor | Sequence[torch.Tensor]:
        """Runs the forward pass; returns the outputs of these names, or the main one without names."""
        if outputs:
            found = network.forward_all(*inputs, outcomes=self.outcomes, weights=self.weights or {})
            return [found[name] for name in outputs]
        run = network.path if self.single else network
        sampled = {"outcomes": self.outcomes} if self.single or self.outcomes else {}
        logits_BKHW: torch.Tensor = run(*inputs, weights=self.weights, **sampled)
        return logits_BKHW


def forward_pass_of(network: Any, sample: ArchitectureSample) -> ForwardPass:
    """The forward pass for a sample: of a network, or of mixtures with one outcome of decisions on sizes."""
    if sample.outcomes is not None:
        return ForwardPass(dict(sample.outcomes), sample.weights if sample.trained else None, True)
    # One outcome of the decisions that change sizes; the others are mixed.
    sampled = {path: int(sample.weights[path].argmax()) for path in network.sampled}
    weights = {p: w for p, w in sample.weights.items() if p not in sampled or w.requires_grad}
    return ForwardPass(sampled, weights, False)
