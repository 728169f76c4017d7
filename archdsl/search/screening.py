"""Which networks of a space miss its requirements for certain, found by prices: these need not be bound."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.devices.objective import Costs
from archdsl.devices.requirement import measures
from archdsl.diagnostics import SpecError
from archdsl.ir import Measure, Value
from archdsl.ir.resolve import rebuilt
from archdsl.program import Space
from archdsl.spec.search_values import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray


def may_meet(space: Space, rows: NDArray[Any], by: Costs) -> NDArray[np.bool_]:
    """Of N networks, given as N × decisions outcome numbers, those that may meet the requirements.

    The others miss one.  A requirement that also reads decisions or sizes is decided only where its measures
    settle it; one that cannot be priced, for want of a table or of rows, rules out nothing.
    """
    possible = np.ones(len(rows), dtype=bool)
    for requirement in space.graph.requirements:
        (left,) = possible.nonzero()
        possible[left] = ~_missed(requirement.condition, rows[left], by)
    return possible


def _missed(condition: Value, rows: NDArray[Any], by: Costs) -> NDArray[np.bool_]:
    """Whether each network misses a condition, whatever it is over but for costs."""
    missed = np.zeros(len(rows), dtype=bool)
    terms = {measure: Term(measure.name, dict(measure.options)) for measure in measures(condition)}
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
    """A condition with these costs, folded as far as it goes; None where it has no value."""
    try:
        return rebuilt(condition, lambda leaf: costs[leaf] if isinstance(leaf, Measure) else leaf)
    except ArithmeticError:
        return None
