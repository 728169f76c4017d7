"""The differentiable objective of a search: a formula of losses and expected costs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import one_hot

from archdsl.devices.formula import MEASURES, MISSED, evaluate
from archdsl.devices.objective import Costs
from archdsl.devices.table import Table
from archdsl.program import Network, Space
from archdsl.runs.processes import Processes
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.windows import AdaptiveWeights
from archdsl.search.scores import UNITS, class_weights_rule, demand_table, losses_of, terms_of, values_of
from archdsl.spec.losses import loss_kinds, loss_terms
from archdsl.spec.search_values import Formula, SearchValue, terms_in, written
from archdsl.train.output_losses import output_losses, scored_outputs
from archdsl.train.tallies import ScoredOutput
from archdsl.train.task import OutputLoss, Tensors, value_of_losses


class ObjectiveFunction:
    """The differentiable objective of a search.

    Costs are expectations under the outcome weights of a step: each op is weighted by the probability that
    the network contains it, for example the i-th cell of a chain by P(gate ≥ i) (AutoRTNet, arXiv:2003.14226,
    eq. 7). With one-hot weights, they are the exact costs of the network. Each requirement adds a penalty:
    its relative violation by the expected cost.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: Space,
        tables: Sequence[Table] = (),
        class_weights: Sequence[float] | None = None,
        stands: Mapping[str, Table] | None = None,
        maps: Sequence[str] = (),
        extended: Callable[[Network, Table], Table] | None = None,
    ):
        """Creates the objective of `config` for a space.

        `tables` are the latency tables, `stands` substitute tables by device name in the spec, `extended` is
        passed to `Costs`. `class_weights` are the class weights by the rule of the search, `maps` the maps of
        the data. Raises SpecError: ARCH606 for objectives that cannot be computed, and as `Costs.soft`;
        ValueError if the search names no rule for the class weights.
        """
        if (class_weights is None) != (class_weights_rule(config) is None):
            raise ValueError("class weights must be computed by the search's rule")
        self.config, self.decisions = config, space.decisions
        self.costs = Costs(space, tables, stands, extended)
        losses_of(config)
        weights = None if class_weights is None else {class_weights_rule(config): class_weights}
        everything = tuple(space.graph.outputs)
        self.losses = output_losses(values_of(config), everything, maps, weights)
        self.main, self.graph = everything[0], space.graph
        names = tuple(dict.fromkeys(name for loss in self.losses for name in loss.outputs))
        plain = not any(loss.term.output or "outputs" in loss.term.settings for loss in self.losses)
        self.outputs = () if plain or names == everything[:1] else names
        """The names of the outputs to which the losses apply; empty if that is the main output only."""
        self.windows = AdaptiveWeights(terms_of(config))
        measured = [term for term in terms_of(config) if term.name in MEASURES]
        demand_table(config, bool(tables or stands))
        self.measured = {repr(term): term for term in measured}
        self.cost_values({})

    @property
    def scored(self) -> list[ScoredOutput]:
        """The outputs that are scored; networks are compared by the main score of the first one."""
        return scored_outputs(self.losses, self.graph)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets of the losses, such as labels or maps of the data."""
        return tuple(dict.fromkeys(loss.target for loss in self.losses))

    @property
    def names_outputs(self) -> bool:
        """Whether any loss names its output, as in `ohem(aux)`."""
        return any(loss.term.output for loss in self.losses)

    def named_outputs(self, found: torch.Tensor | Sequence[torch.Tensor] | Tensors) -> Tensors:
        """The outputs of a forward pass by name.

        `found` is the main output alone, a sequence in the order of `outputs`, or a mapping, returned
        unchanged.
        """
        if isinstance(found, Mapping):
            return found
        if isinstance(found, torch.Tensor):
            return {self.main: found}
        return dict(zip(self.outputs, found, strict=True))

    def task_losses(self, found: Tensors, targets: Tensors, processes: Processes) -> dict[str, torch.Tensor]:
        """The value of each loss by its text; `found` are outputs and `targets` targets by name."""
        return {loss.key: loss(found, targets, processes) for loss in self.applied(found)}

    def applied(self, outputs: Collection[str]) -> list[OutputLoss]:
        """The losses, restricted to a network that has only these outputs.

        If the network has only the main output, losses with the setting `outputs` are applied to that.
        """
        if self.outputs and not self.names_outputs and set(outputs) == {self.main}:
            return [replace(loss, outputs=(self.main,)) for loss in self.losses]
        return [replace(o, outputs=tuple(n for n in o.outputs if n in outputs)) for o in self.losses]

    def task(self, losses: Tensors) -> torch.Tensor:
        """The task loss: the summands of the objective that contain losses, without costs."""
        if len(losses) == 1:
            return next(iter(losses.values()))
        parts = []
        for goal in self.config.objectives:
            sign = 1 if goal.direction == "minimize" else -1
            parts += [(sign * one, part) for one, part in _summands(goal.value) if loss_terms(part)]
        return torch.stack([sign * self._without_costs(part, losses) for sign, part in parts]).sum()

    def _without_costs(self, part: SearchValue, losses: Tensors) -> torch.Tensor:
        if all(term.name in loss_kinds() for term in terms_in(part)):
            return value_of_losses(part, losses)
        return torch.stack([losses[written(term)] for term in loss_terms(part)]).sum()

    def cost_values(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The expectation of each cost in the objective, by its text; decisions without weights are uniform.

        `weights` are outcome weights by decision.
        """
        return {key: torch.as_tensor(self.costs.soft(t, weights)) for key, t in self.measured.items()}

    def costs_of(self, outcomes: Mapping[str, int]) -> dict[str, torch.Tensor]:
        """The exact value of each cost in the objective for one network, given by its outcome indices."""
        exact = {p: one_hot(torch.tensor(o), self.decisions[p].size).double() for p, o in outcomes.items()}
        return self.cost_values(exact)

    def named(self, costs: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Costs as returned by `cost_values`, as numbers by display name: macs, latency_ms, fps."""
        names = {key: UNITS.get(term.name, term.name) for key, term in self.measured.items()}
        return {names[key]: float(value.detach()) for key, value in costs.items()}

    def value(self, losses: Tensors, costs: Tensors) -> torch.Tensor:
        """The value of the objective, to be minimized, given results of `task_losses` and `cost_values`."""
        known = {**{key: loss.double() for key, loss in losses.items()}, **self.windows.weights}

        def of(value: SearchValue) -> Any:
            return evaluate(value, lambda term: costs[repr(term)], known, MISSED)

        total = torch.zeros((), dtype=torch.float64, device=next(iter(losses.values())).device)
        for objective in self.config.objectives:
            total = total + (1 if objective.direction == "minimize" else -1) * of(objective.value)
        for requirement in self.config.requirements:
            total = total + of(requirement)
        return total


def _summands(value: SearchValue) -> Iterator[tuple[int, SearchValue]]:
    """Yields the summands of a formula with their signs."""
    if not isinstance(value, Formula) or value.op not in ("+", "-"):
        yield 1, value
        return
    for n, part in enumerate(value.args):
        negative = value.op == "-" and (n > 0 or len(value.args) == 1)
        for sign, one in _summands(part):
            yield -sign if negative else sign, one
