"""Trains shared weights of all networks, with networks sampled at each step.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.configs.sharing import Progressive, Sandwich
from archdsl.data.batches import Batch, Batches, prefetched
from archdsl.runs.checkpoints import Keeper
from archdsl.runs.faults import Diverged, bad_parameter
from archdsl.runs.restoring import Unfit, like
from archdsl.search.evaluators.sampling import networks_by, networks_of
from archdsl.search.evaluators.training_setup import TrainingSetup
from archdsl.search.strategies.base import Outcomes
from archdsl.train.descent import Part
from archdsl.train.evaluation import at_size


class SupernetTraining:
    """Trains an elastic supernet in place; the same seed gives the same weights, also after resuming.

    At each step, gradients of the networks sampled by a rule are averaged. With in-place distillation, the
    first of them, the largest, is trained on labels, and the others on its predictions (BigNAS,
    arXiv:2003.11142, section 3.1). A loss of several outputs, or of another one than classes, trains all.
    """

    def __init__(
        self, net: ElasticNetwork, setup: TrainingSetup, batches: Batches, part: Part, rule: Any, epochs: int,
        keeper: Keeper | None,
    ):  # fmt: skip
        self.net, self.setup, self.batches, self.part = net, setup, batches, part
        self.networks_at = networks_by(rule, net.archdsl_graph, setup.seed, epochs * batches.steps_per_epoch)
        if isinstance(rule, Progressive):
            rule = networks_of(rule)
        self.distills = isinstance(rule, Sandwich) and rule.distill and setup.is_of_classes
        self.epochs, self.keeper, self.step = epochs, keeper, 0

    @property
    def steps(self) -> int:
        return self.epochs * self.batches.steps_per_epoch

    def run(self) -> Iterator[tuple[int, float]]:
        """Trains to the end; yields the number of each epoch and its mean loss.  Raises Stopped."""
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
        first = self._descend(batch, networks) if self.distills else self._descend_alone(batch, networks)
        if self.part.clip > 0:
            nn.utils.clip_grad_norm_(self.part.parameters, self.part.clip)
        self.part.optimiser.step()
        return first

    def _descend(self, batch: Batch, networks: Sequence[Outcomes]) -> float:
        """Adds up gradients, with in-place distillation; returns the loss of the first network."""
        images_B3HW, masks_BHW = self.setup.images(batch)
        teacher_BKHW: torch.Tensor | None = None
        first = 0.0
        for outcomes in networks:
            logits_BKHW = self._logits(images_B3HW, outcomes, (masks_BHW.shape[-2], masks_BHW.shape[-1]))
            if teacher_BKHW is None:
                loss = self.setup.loss_of(logits_BKHW, masks_BHW)
                first, teacher_BKHW = float(loss.detach()), logits_BKHW.detach().softmax(1)
            else:
                loss = F.cross_entropy(logits_BKHW, teacher_BKHW)
            torch.autograd.backward(loss / len(networks))  # sequentially, as their activations take memory
            del logits_BKHW, loss
        return first

    def _descend_alone(self, batch: Batch, networks: Sequence[Outcomes]) -> float:
        """Adds up gradients of networks that are all trained on the data."""
        first = 0.0
        run: Any = self.net.path if self.setup.is_plain else self.net.forward_all
        for n, outcomes in enumerate(networks):
            loss = self.setup.loss_of_batch(partial(run, outcomes=self.named(outcomes)), batch)
            first = first if n else float(loss.detach())
            torch.autograd.backward(loss / len(networks))
            del loss
        return first

    def _logits(self, images_B3HW: torch.Tensor, outcomes: Outcomes, size: tuple[int, int]) -> torch.Tensor:
        return at_size(self.net.path(*self.setup.inputs(images_B3HW), outcomes=self.named(outcomes)), size)

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
        """Resumes from the newest checkpoint; None without one."""
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
