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
from archdsl.devices.table import Table
from archdsl.program import Space
from archdsl.search.plan import Plan
from archdsl.search.values import cannot
from archdsl.spec.search import Formula, SearchValue, Term
from archdsl.train.losses import cross_entropy, ohem

TASKS = ("cross_entropy", "ohem")
"""Losses that an objective can name."""

_NAMES = {"latency": "latency_ms", "rate": "fps"}


class ObjectiveFunction:
    """The objective of a plan over a space, as a number that gradients flow through.

    Every cost is that of the mean network under the weights of a step: a cell counts with the chance that
    it lives, P(gate ≥ i) (AutoRTNet, eq. 7); with weights of ones and zeros it is that network's, exactly.
    A requirement of the search adds the share of its limit by which the mean network misses it.
    """

    def __init__(self, plan: Plan, space: Space, tables: Sequence[Table] = ()):
        """`tables` answer for `latency` and `rate`.

        Raises SpecError: ARCH606 for objectives that cannot be computed; what `Costs.soft` raises, now
        rather than in the first step.
        """
        self.plan, self.costs, self.decisions = plan, Costs(space, tables), space.decisions
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
        if measured and not tables and any(term.name in _NAMES for term in measured):
            help = "archdsl latency build SPEC -o table.json, then archdsl search SPEC --table table.json"
            raise cannot("an objective on latency needs a latency table", help)
        self.measured = {repr(term): term for term in measured}
        self.cost_values({})

    def task(self, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
        """The loss that the objective names."""
        if self.task_term.name == "cross_entropy":
            return cross_entropy(logits_BKHW, masks_BHW)
        given: dict[str, Any] = dict(self.task_term.settings)
        return ohem(logits_BKHW, masks_BHW, **given)

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


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """Latency tables.  Raises SpecError where one cannot be read, or is of other conditions."""
    return [read_table(path)[0] for path in paths]


def tables_named(plan: Plan) -> list[str]:
    """The files of latency tables that terms of an objective name: `latency(table = "…")`."""
    terms = [term for value in _values(plan) for term in _terms(value)]
    return list(dict.fromkeys(str(t.settings["table"]) for t in terms if "table" in t.settings))


def _values(plan: Plan) -> list[SearchValue]:
    return [*(objective.value for objective in plan.objectives), *plan.requirements]


def _terms(value: SearchValue) -> Iterator[Term]:
    """The terms of a formula."""
    if isinstance(value, Term):
        yield value
    if isinstance(value, Term | Formula):
        for part in value.args:
            yield from _terms(part)
