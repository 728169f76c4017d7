"""The differentiable objective of a search: task loss and expected costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch.nn.functional import one_hot

from archdsl.devices.formula import MEASURES, MISSED, evaluate
from archdsl.devices.objective import Costs
from archdsl.devices.table import Table
from archdsl.diagnostics import closest
from archdsl.program import Network, Space
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.windows import Windows
from archdsl.search.scores import LOSSES, UNITS, class_weights_rule, demand_table, loss_of, terms_of
from archdsl.search.task import task_loss
from archdsl.search.terms import cannot
from archdsl.spec.search_values import SearchValue, Term
from archdsl.train.evaluation import at_size
from archdsl.train.losses import labelled

TaskLoss = Callable[[Term, torch.Tensor, torch.Tensor, "torch.Tensor | None"], torch.Tensor]
"""Of a term of the objective, logits, masks and class weights."""


class ObjectiveFunction:
    """The differentiable objective of a search.

    Costs are expected costs under the weights of a step: each op is weighted by the probability that the
    network contains it, the i-th cell of a chain by P(gate ≥ i) (AutoRTNet, arXiv:2003.14226, eq. 7).  With
    one-hot weights, they are the exact costs of that network.  A requirement adds its relative violation by
    the expected cost as a penalty.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: Space,
        tables: Sequence[Table] = (),
        class_weights: Sequence[float] | None = None,
        stands: Mapping[str, Table] | None = None,
        extended: Callable[[Network, Table], Table] | None = None,
    ):
        """`tables` are the latency tables; `stands` maps device names of the spec to substitute tables;
        `extended` is that of `Costs`.

        `class_weights` result from `class_weights_rule`.

        Raises SpecError: ARCH606 for objectives that cannot be computed, and whatever `Costs.soft` raises.
        """
        if (class_weights is None) != (class_weights_rule(config) is None):
            raise ValueError("class weights must be computed by the search's rule")
        self.weights_K = None if class_weights is None else torch.tensor(class_weights)
        self.config, self.costs, self.decisions = (
            config,
            Costs(space, tables, stands, extended),
            space.decisions,
        )
        self.task_term = loss_of(config)
        self.outputs = self._outputs(space)
        self.windows = Windows(terms_of(config))
        measured = [term for term in terms_of(config) if term.name in MEASURES]
        demand_table(config, bool(tables or stands))
        self.measured = {repr(term): term for term in measured}
        self.cost_values({})

    def _outputs(self, space: Space) -> tuple[str, ...]:
        """The outputs to which the loss applies; empty for the main output only."""
        named: Any = self.task_term.settings.get("outputs", ())
        for name in named:
            if name not in space.graph.outputs:
                known = list(space.graph.outputs)
                guess = closest(name, known)
                help = f"did you mean `{guess}`?" if guess else f"available: {', '.join(known)}"
                headline = f"`{space.name}` has no output `{name}`"
                raise cannot(headline, help, self.task_term.places.get("outputs"))
        return tuple(dict.fromkeys(named))

    def task(
        self, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, loss: TaskLoss = task_loss
    ) -> torch.Tensor:
        """The task loss in the objective, of one output; logits and labels may differ in size."""
        size = logits_BKHW.shape[-2:]
        if size != masks_BHW.shape[-2:] and self.task_term.settings.get("compare_at") == "logits":
            masks_B1HW = F.interpolate(masks_BHW[:, None].float(), size=size, mode="nearest")
            masks_BHW = masks_B1HW[:, 0].to(masks_BHW.dtype)
        logits_BKHW = at_size(logits_BKHW, (masks_BHW.shape[-2], masks_BHW.shape[-1]))
        return loss(self.task_term, logits_BKHW, masks_BHW, self._weights_at(masks_BHW))

    def labelled(self, masks_BHW: torch.Tensor) -> torch.Tensor:
        """The normalizer of the loss: the number of labelled pixels, or the sum of their weights."""
        return labelled(masks_BHW, self._weights_at(masks_BHW))

    def _weights_at(self, masks_BHW: torch.Tensor) -> torch.Tensor | None:
        return None if self.weights_K is None else self.weights_K.to(masks_BHW.device)

    def cost_values(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The expected value of each cost in the objective; decisions without weights are uniform."""
        return {key: torch.as_tensor(self.costs.soft(t, weights)) for key, t in self.measured.items()}

    def costs_of(self, outcomes: Mapping[str, int]) -> dict[str, torch.Tensor]:
        """Each cost in the objective, of one network."""
        exact = {p: one_hot(torch.tensor(o), self.decisions[p].size).double() for p, o in outcomes.items()}
        return self.cost_values(exact)

    def named(self, costs: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Costs under display names: macs, latency_ms, fps."""
        names = {key: UNITS.get(term.name, term.name) for key, term in self.measured.items()}
        return {names[key]: float(value.detach()) for key, value in costs.items()}

    def value(self, task: torch.Tensor, costs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The objective, to be minimized."""
        known = {**{name: task.double() for name in LOSSES}, **self.windows.weights}

        def of(value: SearchValue) -> Any:
            return evaluate(value, lambda term: costs[repr(term)], known, MISSED)

        total = torch.zeros((), dtype=torch.float64, device=task.device)
        for objective in self.config.objectives:
            total = total + (1 if objective.direction == "minimize" else -1) * of(objective.value)
        for requirement in self.config.requirements:
            total = total + of(requirement)
        return total
