"""The training objective of a network: a formula of losses, each of some outputs and their target.

Shapes: B images, C channels of an output, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.configs.objectives import SHARED
from archdsl.configs.word import LossKind
from archdsl.devices.formula import MISSED, evaluate
from archdsl.runs.processes import Processes
from archdsl.spec.losses import loss_kinds
from archdsl.spec.search_values import SearchValue, Term, written
from archdsl.train.divergences import DistillLoss, divergence
from archdsl.train.evaluation import Size, at_size
from archdsl.train.losses import known, labelled

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class OutputLoss:
    """A loss applied to one or several outputs, whose losses are summed, and the target of these outputs."""

    term: Term
    outputs: tuple[str, ...]
    target: str
    weights_K: torch.Tensor | None = None
    """Class weights."""
    factors: Mapping[str, float] = field(default_factory=dict)
    """Factors of the losses of outputs, by output; 1 for outputs that are not listed."""
    at_output: bool = False
    """Whether targets are resized to the outputs, instead of outputs to the targets."""

    @cached_property
    def key(self) -> str:
        """The loss as text in a spec, by which it is identified."""
        return written(self.term)

    @cached_property
    def kind(self) -> LossKind:
        return loss_kinds()[self.term.name]

    def __call__(self, found: Tensors, targets: Tensors, processes: Processes) -> torch.Tensor:
        """The loss, a scalar, for outputs and targets by name.

        It is scaled such that its mean over all processes is the loss of the global batch.
        """
        target_BHW = targets[self.target]
        losses = [self._weighted(name, self.of(found[name], target_BHW)) for name in self.outputs]
        if not losses:
            return torch.zeros((), device=target_BHW.device)
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        return loss * processes.share(self.counted(target_BHW))  # OHEM selects hard pixels per process

    def _weighted(self, name: str, loss: torch.Tensor) -> torch.Tensor:
        return self.factors[name] * loss if name in self.factors else loss

    def of(self, output_BCHW: torch.Tensor, target_BHW: torch.Tensor, as_kind: Any = None) -> torch.Tensor:
        """The loss of one output, without factor; output and target may differ in size.

        `as_kind`, if set, is a loss function used instead of that of the term, without the term's settings.
        """
        size = output_BCHW.shape[-2:]
        if self.at_output or self.term.settings.get("compare_at") == "logits":
            target_BHW = nearest(target_BHW, (size[0], size[1]))
        output_BCHW = at_size(output_BCHW, (target_BHW.shape[-2], target_BHW.shape[-1]))
        loss = as_kind or self.kind.made_by()
        own: dict[str, Any] = {}
        if as_kind is None:
            own = {key: value for key, value in self.term.settings.items() if key not in SHARED}
        if self.kind.task == "classes":
            own["weights_K"] = None if self.weights_K is None else self.weights_K.to(target_BHW.device)
        value: torch.Tensor = loss(output_BCHW, target_BHW, **own)
        return value

    def by_teacher(
        self, found: Tensors, taught: Tensors, loss: DistillLoss = "pixel", temperature: float = 1.0
    ) -> torch.Tensor | None:
        """The sum of the divergences between the outputs `found` and the teacher's outputs `taught`.

        Outputs that the teacher does not have are skipped; None if it has none of them.
        """
        losses = [
            self._weighted(name, divergence(self.kind.task, found[name], taught[name], loss, temperature))
            for name in self.outputs
            if name in taught
        ]
        if len(losses) < 2:
            return losses[0] if losses else None
        return torch.stack(losses).sum()

    def counted(self, target_BHW: torch.Tensor) -> torch.Tensor:
        """The normalizer of the loss: the number of pixels with a target, or the sum of class weights."""
        if self.kind.task != "classes":
            return known(target_BHW)
        weights_K = None if self.weights_K is None else self.weights_K.to(target_BHW.device)
        return labelled(target_BHW, weights_K)


class Task:
    """The training objective of a network: a formula of losses of its outputs."""

    def __init__(self, value: SearchValue, losses: Sequence[OutputLoss]):
        """`losses` are the losses in the formula `value`."""
        self.formula, self.losses = value, tuple(losses)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are trained."""
        return tuple(dict.fromkeys(name for loss in self.losses for name in loss.outputs))

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets that the losses compare the outputs with."""
        return tuple(dict.fromkeys(loss.target for loss in self.losses))

    def __call__(self, found: Tensors, targets: Tensors, processes: Processes) -> torch.Tensor:
        """The value of the formula, a scalar, for outputs and targets by name; scaled as `OutputLoss`."""
        return value_of_losses(self.formula, self.values(found, targets, processes))

    def values(self, found: Tensors, targets: Tensors, processes: Processes) -> dict[str, torch.Tensor]:
        """The value of each loss in the formula, by the loss as source text (such as `dice(aux)`)."""
        return {loss.key: loss(found, targets, processes) for loss in self.losses}

    def at_outputs(self) -> Task:
        """A copy in which targets are resized to the outputs before they are compared."""
        return Task(self.formula, [replace(loss, at_output=True) for loss in self.losses])

    def by_teacher(self, found: Tensors, taught: Tensors) -> torch.Tensor:
        """The value of the formula with each loss replaced by the divergence from the teacher's outputs."""
        values = {loss.key: loss.by_teacher(found, taught) for loss in self.losses}
        return value_of_losses(self.formula, {k: value for k, value in values.items() if value is not None})

    def weights(self, values: Tensors) -> dict[str, torch.Tensor]:
        """The weight of each loss, by its text: the derivative of the formula with respect to the loss."""
        leaves = {key: value.detach().requires_grad_() for key, value in values.items()}
        total = value_of_losses(self.formula, leaves)
        return dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))


def nearest(target_BHW: torch.Tensor, size: Size) -> torch.Tensor:
    """Resizes a target to a size (height, width) by nearest neighbour."""
    if tuple(target_BHW.shape[-2:]) == tuple(size):
        return target_BHW
    target_B1HW = F.interpolate(target_BHW[:, None].float(), size=size, mode="nearest")
    return target_B1HW[:, 0].to(target_BHW.dtype)


def value_of_losses(formula: SearchValue, losses: Tensors) -> torch.Tensor:
    """The value of a formula, given the values of its losses by text. Raises ValueError for other terms."""

    def no_cost(term: Term) -> Any:
        raise ValueError(f"`{term.name}` is not a loss")

    total: torch.Tensor = evaluate(formula, no_cost, losses, MISSED)
    return total
