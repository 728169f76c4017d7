"""What a search minimises: the loss of the task, and costs of networks as functions of decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import one_hot

from archdsl.devices.estimate import read_table
from archdsl.devices.formula import MEASURES, MISSED, evaluate
from archdsl.devices.objective import Costs
from archdsl.devices.requirement import measures
from archdsl.devices.table import Table
from archdsl.ir import Graph
from archdsl.program import Space
from archdsl.search.config import SearchConfig
from archdsl.search.values import cannot
from archdsl.spec.search import Formula, SearchValue, Term
from archdsl.train.losses import cross_entropy, labelled, ohem

TASKS = ("cross_entropy", "ohem")
"""Losses that an objective can name."""

_NAMES = {"latency": "latency_ms", "rate": "fps"}


class ObjectiveFunction:
    """The objective of a plan over a space, as a number that gradients flow through.

    Every cost is that of the mean network under the weights of a step: a cell counts with the chance that
    it lives, P(gate ≥ i) (AutoRTNet, eq. 7); with weights of ones and zeros it is that network's, exactly.
    A requirement of the search adds the share of its limit by which the mean network misses it.
    """

    def __init__(
        self,
        plan: SearchConfig,
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
        if (class_weights is None) != (class_weights_rule(plan) is None):
            raise ValueError("class weights are those that the plan's rule makes of the data")
        self.weights_K = None if class_weights is None else torch.tensor(class_weights)
        self.plan, self.costs, self.decisions = plan, Costs(space, tables, stands), space.decisions
        found = [term for value in _values(plan) for term in _terms(value)]
        for term in found:
            if term.name not in (*TASKS, *MEASURES, "log"):
                known = ", ".join((*TASKS, *sorted(MEASURES), "log"))
                raise cannot(f"`{term.name}` is no part of a differentiable objective", f"parts are {known}")
        tasks = [term for term in found if term.name in TASKS]
        if not tasks:
            raise cannot("the objective names no loss", "minimize cross_entropy + 0.01 * log(macs)")
        self.task_term = tasks[0]
        measured = [term for term in found if term.name in MEASURES]
        if measured and not (tables or stands) and any(term.name in _NAMES for term in measured):
            help = "archdsl search SPEC --table auto builds one for this machine; --table FILE takes one"
            raise cannot("an objective on latency needs a latency table", help)
        self.measured = {repr(term): term for term in measured}
        self.cost_values({})

    def task(self, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
        """The loss that the objective names."""
        weights_K = self._weights_at(masks_BHW)
        if self.task_term.name == "cross_entropy":
            return cross_entropy(logits_BKHW, masks_BHW, weights_K)
        given: dict[str, Any] = {k: v for k, v in self.task_term.settings.items() if k != "class_weights"}
        return ohem(logits_BKHW, masks_BHW, weights_K=weights_K, **given)

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
        names = {key: _NAMES.get(term.name, term.name) for key, term in self.measured.items()}
        return {names[key]: float(value.detach()) for key, value in costs.items()}

    def value(self, task: torch.Tensor, costs: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The objective, to be minimised."""
        known = {name: task.double() for name in TASKS}

        def of(value: SearchValue) -> Any:
            return evaluate(value, lambda term: costs[repr(term)], known, MISSED)

        total = torch.zeros((), dtype=torch.float64, device=task.device)
        for objective in self.plan.objectives:
            total = total + (1 if objective.direction == "minimize" else -1) * of(objective.value)
        for requirement in self.plan.requirements:
            total = total + of(requirement)
        return total


def class_weights_rule(plan: SearchConfig) -> str | None:
    """How the plan's loss weights classes, as `class_weights` of the train room reads it.

    `cross_entropy(class_weights = "median")`, or a list of numbers.  Raises SpecError (ARCH606).
    """
    terms = [term for value in _values(plan) for term in _terms(value) if term.name in TASKS]
    rule = terms[0].settings.get("class_weights") if terms else None
    if rule is None or isinstance(rule, str):
        return rule
    if isinstance(rule, tuple) and all(isinstance(weight, int | float) for weight in rule):
        return ",".join(map(str, rule))
    raise cannot("`class_weights` is a rule or a list of numbers", 'class_weights = "inverse-log:1.10"')


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """Latency tables.  Raises SpecError where one cannot be read, or is of other conditions."""
    return [read_table(path)[0] for path in paths]


def tables_named(plan: SearchConfig) -> list[str]:
    """The files of latency tables that terms of an objective name: `latency(table = "…")`."""
    terms = [term for value in _values(plan) for term in _terms(value)]
    return list(dict.fromkeys(str(t.settings["table"]) for t in terms if "table" in t.settings))


def devices_named(plan: SearchConfig, graph: Graph) -> list[str]:
    """The devices that an objective, or a requirement of the space, names for `latency` or `rate`."""
    terms = [term for value in _values(plan) for term in _terms(value) if term.name in _NAMES]
    named = [str(term.settings["device"]) for term in terms if "device" in term.settings]
    required = [m for r in graph.requirements for m in measures(r.condition) if m.name in _NAMES]
    named += [str(value) for m in required for key, value in m.options if key == "device"]
    return list(dict.fromkeys(named))


def _values(plan: SearchConfig) -> list[SearchValue]:
    return [*(objective.value for objective in plan.objectives), *plan.requirements]


def _terms(value: SearchValue) -> Iterator[Term]:
    """The terms of a formula."""
    if isinstance(value, Term):
        yield value
    if isinstance(value, Term | Formula):
        for part in value.args:
            yield from _terms(part)
