"""What a search minimises: the loss of the task, and costs of networks as functions of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import one_hot

from archdsl.devices.formula import MEASURES, MISSED, evaluate
from archdsl.devices.objective import Costs
from archdsl.devices.table import Table
from archdsl.program import Space
from archdsl.search.config import SearchConfig
from archdsl.search.scores import LOSSES, UNITS, class_weights_rule, loss_of, terms_of
from archdsl.search.task import task_loss
from archdsl.search.terms import cannot
from archdsl.spec.search_values import SearchValue
from archdsl.train.losses import labelled


class ObjectiveFunction:
    """The objective of a search over a space, as a number that gradients flow through.

    Every cost is that of the mean network under the weights of a step: a cell counts with the chance that
    it lives, P(gate ≥ i) (AutoRTNet, eq. 7); with weights of ones and zeros it is that network's, exactly.
    A requirement of the search adds the share of its limit by which the mean network misses it.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: Space,
        tables: Sequence[Table] = (),
        class_weights: Sequence[float] | None = None,
        stands: Mapping[str, Table] | None = None,
    ):
        """`tables` answer for `latency` and `rate`, `stands` for those of devices by name.

        `class_weights` are those of `class_weights_rule`.

        Raises SpecError: ARCH606 for objectives that cannot be computed; what `Costs.soft` raises, now
        rather than in the first step.
        """
        if (class_weights is None) != (class_weights_rule(config) is None):
            raise ValueError("class weights are those that the search's rule makes of the data")
        self.weights_K = None if class_weights is None else torch.tensor(class_weights)
        self.config, self.costs, self.decisions = config, Costs(space, tables, stands), space.decisions
        self.task_term = loss_of(config)
        measured = [term for term in terms_of(config) if term.name in MEASURES]
        timed = [term for term in measured if term.name in UNITS]
        if timed and not (tables or stands):
            help = "archdsl search SPEC --table auto builds one for this machine; --table FILE takes one"
            raise cannot("an objective on latency needs a latency table", help, timed[0].at)
        self.measured = {repr(term): term for term in measured}
        self.cost_values({})

    def task(self, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
        """The loss that the objective names."""
        return task_loss(self.task_term, logits_BKHW, masks_BHW, self._weights_at(masks_BHW))

    def labelled(self, masks_BHW: torch.Tensor) -> torch.Tensor:
        """By how much the loss of these pixels counts: their number, or the sum of their weights."""
        return labelled(masks_BHW, self._weights_at(masks_BHW))

    def _weights_at(self, masks_BHW: torch.Tensor) -> torch.Tensor | None:
        return None if self.weights_K is None else self.weights_K.to(masks_BHW.device)

    def cost_values(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Each cost that the objective names, of the mean network; decisions left out count as uniform."""
        return {key: torch.as_tensor(self.costs.soft(t, weights)) for key, t in self.measured.items()}

    def costs_of(self, outcomes: Mapping[str, int]) -> dict[str, torch.Tensor]:
        """Each cost that the objective names, of one network."""
        exact = {p: one_hot(torch.tensor(o), self.decisions[p].size).double() for p, o in outcomes.items()}
        return self.cost_values(exact)

    def named(self, costs: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Costs as numbers under names for people: macs, latency_ms, fps."""
        names = {key: UNITS.get(term.name, term.name) for key, term in self.measured.items()}
        return {names[key]: float(value.detach()) for key, value in costs.items()}

    def value(self, task: torch.Tensor, costs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The objective, to be minimised."""
        known = {name: task.double() for name in LOSSES}

        def of(value: SearchValue) -> Any:
            return evaluate(value, lambda term: costs[repr(term)], known, MISSED)

        total = torch.zeros((), dtype=torch.float64, device=task.device)
        for objective in self.config.objectives:
            total = total + (1 if objective.direction == "minimize" else -1) * of(objective.value)
        for requirement in self.config.requirements:
            total = total + of(requirement)
        return total
