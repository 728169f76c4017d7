"""Rejects networks whose costs certainly violate requirements, by lookups instead of binding the networks."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.devices.objective import Costs
from archdsl.devices.requirement import measures
from archdsl.diagnostics import SpecError
from archdsl.ir import Measure, Value
from archdsl.ir.resolve import rebuilt
from archdsl.passes.costs.space_cost import MANY
from archdsl.program import Space
from archdsl.spec.search_values import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray


def may_meet(space: Space, rows: NDArray[Any], by: Costs) -> NDArray[np.bool_]:
    """Whether each of N networks may satisfy the requirements of the space.

    `rows` are outcome indices, N × decisions. False is certain, True is not: requirements that depend on
    decisions or sizes in addition to costs are evaluated only if the costs determine them, and requirements
    on latencies are skipped if the table or rows of it are missing.
    """
    possible = np.ones(len(rows), dtype=bool)
    for requirement in space.graph.requirements:
        (left,) = possible.nonzero()
        possible[left] = ~_missed(requirement.condition, rows[left], by)
    return possible


def affordable(space: Space, by: Costs) -> int:
    """The number of networks whose requirements can be checked in a few seconds.

    Requirements on latencies without a table of the device are not checked.
    """
    limits = [MANY]
    for requirement in space.graph.requirements:
        with suppress(SpecError):
            limits.append(by.affordable(map(_term, measures(requirement.condition))))
    return min(limits)


def _term(measure: Measure) -> Term:
    return Term(measure.name, dict(measure.options))


def _missed(condition: Value, rows: NDArray[Any], by: Costs) -> NDArray[np.bool_]:
    """Whether the costs of each network violate a condition, whatever the values of its other terms."""
    missed = np.zeros(len(rows), dtype=bool)
    terms = {measure: _term(measure) for measure in measures(condition)}
    if not terms:
        return missed
    try:
        lacking = [by.lacking(term, rows) for term in terms.values()]
    except SpecError:  # no table of the device
        return missed
    (priced,) = (~reduce(np.logical_or, lacking, missed)).nonzero()
    costs = {measure: by.exact(term, rows[priced]) for measure, term in terms.items()}
    for n, row in enumerate(priced):
        missed[row] = _settled(condition, {m: float(cost[n]) for m, cost in costs.items()}) is False
    return missed


def _settled(condition: Value, costs: dict[Measure, float]) -> Value | None:
    """A condition with costs replaced by their values and constants folded; None if undefined."""
    try:
        return rebuilt(condition, lambda leaf: costs[leaf] if isinstance(leaf, Measure) else leaf)
    except ArithmeticError:
        return None
