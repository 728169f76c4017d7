"""Trains the shared weights of the networks of a space, by networks that are sampled in each step.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.data.targets import LABELS
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.faults import Diverged, bad_parameter
from archdsl.runs.restoring import Unfit, like
from archdsl.search.evaluators.sampling import networks_by
from archdsl.search.evaluators.training_setup import TrainingSetup
from archdsl.search.strategies.base import Outcomes
from archdsl.train.descent import Part
from archdsl.train.evaluation import at_size
from archdsl.train.task import Tensors


class SupernetTraining:
    """Trains an elastic supernet in place; the weights are determined by the seed, also after resuming.

    In each step, the gradients of several networks, sampled by a rule, are averaged. With in-place
    distillation (BigNAS, arXiv:2003.11142, section 3.1), the first network, the largest, is trained on the
    data, and the others on its predictions, by the divergence for the task of each trained output.
    """

    def __init__(
        self, net: ElasticNetwork, setup: TrainingSetup, batches: Batches, part: Part, rule: Any, epochs: int,
        keeper: Keeper | None, distills: bool,
    ):  # fmt: skip
        """`distills` enables in-place distillation; the first network of a step must then be the largest."""
        self.net, self.setup, self.batches, self.part = net, setup, batches, part
        self.networks_at = networks_by(rule, net.archdsl_graph, setup.seed, epochs * batches.steps_per_epoch)
        self.epochs, self.keeper, self.step, self.distills = epochs, keeper, 0, distills

    @property
    def steps(self) -> int:
        return self.epochs * self.batches.steps_per_epoch

    def run(self) -> Iterator[tuple[int, float]]:
        """Trains to the end; yields the number of each epoch, and its mean loss of the first networks.

        Raises Stopped if the search is stopping.
        """
        each, total = self.batches.steps_per_epoch, 0.0
        with closing(prefetched(self.batches, self.step, self.steps)) as ahead:
            for step, batch in ahead:
                self.setup.check_stop()
                total += self._step(step, batch)
                self.step = step + 1
                if self.step % each == 0:
                    self._save()
                    yield self.step // each, total / each
                    total = 0.0

    def _step(self, step: int, batch: Batch) -> float:
        torch.manual_seed(self.setup.seed * 1_000_003 + step)  # of dropout
        for group in self.part.optimiser.param_groups:
            group["lr"] = self.part.lr(step / self.steps)
        self.net.train().zero_grad(set_to_none=True)
        networks = self.networks_at(step)
        first = self._descend(batch, networks)
        if self.part.clip > 0:
            nn.utils.clip_grad_norm_(self.part.parameters, self.part.clip)
        self.part.optimiser.step()
        return first

    def _descend(self, batch: Batch, networks: Sequence[Outcomes]) -> float:
        """Accumulates the mean gradient of the networks of a step; returns the loss of the first network."""
        setup, device = self.setup, self.setup.processes.device
        images_B3HW, targets = batch.images_B3HW.to(device), batch.targets(device)
        size = (targets[LABELS].shape[-2], targets[LABELS].shape[-1])
        taught: Tensors | None = None
        first = 0.0
        for n, outcomes in enumerate(networks):
            found = self._outputs(images_B3HW, outcomes)
            if taught is None:
                loss = setup.task(found, targets, setup.processes)
            else:
                loss = setup.task.by_teacher(_sized(found, size), taught)
            first = first if n else float(loss.detach())
            if self.distills and taught is None:
                taught = _sized({name: output.detach() for name, output in found.items()}, size)
            torch.autograd.backward(loss / len(networks))  # sequentially, as their activations take memory
            del found, loss
        return first

    def _outputs(self, images_B3HW: torch.Tensor, outcomes: Outcomes) -> dict[str, torch.Tensor]:
        """The trained outputs of a network, by name."""
        inputs, named = self.setup.inputs(images_B3HW), self.named(outcomes)
        if self.setup.is_plain:
            return {self.setup.main: self.net.path(*inputs, outcomes=named)}
        found = self.net.forward_all(*inputs, outcomes=named)
        return {name: found[name] for name in self.setup.task.outputs}

    def named(self, outcomes: Outcomes) -> Mapping[str, int]:
        return dict(zip(self.net.archdsl_graph.decisions, outcomes, strict=True))

    # ------------------------------------------------------------ checkpoints

    def _save(self) -> None:
        bad = bad_parameter(self.net)
        if bad is not None:
            raise Diverged(self.step, bad, self.keeper.newest() if self.keeper else None)
        if self.keeper is not None:
            state = {"net": dict(self.net.state_dict()), "optimiser": self.part.optimiser.state_dict()}
            self.keeper.save(self.step, state)

    def restore(self) -> Path | None:
        """Loads the newest checkpoint; returns its path, None without one."""
        if self.keeper is None:
            return None

        def take(state: dict[str, Any]) -> None:
            weights = like(state, "net", dict(self.net.state_dict()))
            if not isinstance(state.get("optimiser"), dict):
                raise Unfit("it lacks the state of the optimizer")
            self.part.optimiser.load_state_dict(state["optimiser"])
            self.net.load_state_dict(weights)

        step = self.keeper.restore(take)
        if step is None:
            return None
        self.step = step
        return self.keeper.path(step)


def _sized(outputs: Tensors, size: tuple[int, int]) -> dict[str, torch.Tensor]:
    return {name: at_size(output_BCHW, size) for name, output_BCHW in outputs.items()}
