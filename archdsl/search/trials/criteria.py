"""Evaluates the requirements and objectives of a search for individual networks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from operator import lt
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.devices.formula import MEASURES
from archdsl.devices.objective import Costs
from archdsl.diagnostics import SpecError
from archdsl.ir import Apply, Dim, Measure, Pick, Requirement
from archdsl.ir.expr import FUNCTIONS, leaves
from archdsl.ir.resolve import settled
from archdsl.passes.costs.extremes import Sense
from archdsl.passes.identity import identity
from archdsl.program import Space
from archdsl.search.engines.base import Done
from archdsl.search.result import Result, bound
from archdsl.search.scores import UNITS, terms_of
from archdsl.search.strategies.base import Outcomes, Proposal, Standing
from archdsl.search.terms import broken
from archdsl.search.trials.config import TrialConfig
from archdsl.search.trials.domain import Domain
from archdsl.search.trials.loop import Identified
from archdsl.spec.search_values import Term, terms_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEMBERED = 1 << 14


class Criteria:
    """The requirements and objectives of a search over a space, for individual networks.

    Networks are tuples of outcome indices, in the order of the searched decisions. If networks are trained,
    those with equal graphs are the same trial; otherwise, those with equal outcomes of active decisions.
    """

    def __init__(self, config: TrialConfig, space: Space, costs: Costs):
        self.config, self.space, self.costs = config, space, costs
        self.domain = Domain.of_graph(space.searched, len(config.goals.objectives), self)
        numbers = {path: n for n, path in enumerate(self.domain.paths)}
        self._places = [numbers.get(path) for path in space.decisions]
        self._plain = list(space.decisions) == list(self.domain.paths)
        self._required = space.graph.requirements
        self._index = {path: n for n, path in enumerate(space.decisions)}
        self._measured = {
            id(leaf): _term(leaf)
            for requirement in self._required
            for leaf in leaves(requirement.condition)
            if isinstance(leaf, Measure)
        }
        self._direct = all(_is_direct(one) for one in self._required)
        self._met: dict[Outcomes, bool] = {}
        terms = {repr(t): t for t in terms_of(config.goals) if t.name in MEASURES}
        self._costs = {"params": Term("params"), "macs": Term("macs")}
        timed = [term for term in terms.values() if term.name in UNITS]
        self._costs |= {_called(term, timed): term for term in timed}

    @property
    def objectives(self) -> int:
        return self.domain.goals

    def row(self, outcomes: Outcomes) -> Any:
        """The outcome indices of all decisions of the space; 0 for those that are not searched."""
        return outcomes if self._plain else [0 if n is None else outcomes[n] for n in self._places]

    def by_path(self, outcomes: Outcomes) -> dict[str, int]:
        return dict(zip(self.domain.paths, outcomes, strict=True))

    def bound(self, outcomes: Outcomes, how: str = "") -> Result:
        """The network with these outcomes, as a result; `how` says how it was chosen."""
        return bound(self.space, self.by_path(outcomes), how, self.costs)

    def costs_of(self, outcomes: Outcomes) -> dict[str, float]:
        """The costs of a network by name with unit: parameters, MACs, and latencies that the search names."""
        row = self.row(outcomes)
        return {name: self.costs.one(term, row) for name, term in self._costs.items()}

    # ------------------------------------------------------------ before an evaluation

    def meets(self, outcomes: Outcomes) -> bool:
        """Whether a network satisfies the requirements of the space, and those on costs of the search."""
        known = self._met.get(outcomes)
        if known is None:
            if len(self._met) >= _REMEMBERED:
                self._met.clear()
            known = self._met[outcomes] = self._meets(outcomes)
        return known

    def _meets(self, outcomes: Outcomes) -> bool:
        row = self.row(outcomes)
        if not all(self.costs.one(one, row) for one in self.config.before):
            return False
        if not self._direct:
            found = self.bound(outcomes)
            return not found.unmet
        return all(self._holds(one, row) for one in self._required)

    def _holds(self, requirement: Requirement, row: Any) -> bool:
        """Whether a requirement of the space is satisfied; True if a latency table for it is missing."""

        def leaf(value: Any) -> Any:
            if isinstance(value, Measure):
                return self.costs.one(self._measured[id(value)], row)
            return value.values[row[self._index[value.decision]]] if isinstance(value, Pick) else value

        condition = requirement.condition
        try:
            if isinstance(condition, Apply) and _is_comparison(condition):  # `settled` is ten times as slow
                return FUNCTIONS[condition.fn](*map(leaf, condition.args)) is True
            return settled(condition, leaf) is True
        except ArithmeticError:
            return False
        except SpecError:
            return True

    def meets_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        """`meets` for each of N networks (`rows`: N × decisions); None if networks must be bound for it."""
        if not self._direct or not all(map(self.costs.has_tables, self._limiting)):
            return None
        whole = np.zeros((len(rows), len(self._places)), int)
        for n, place in enumerate(self._places):
            if place is not None:
                whole[:, n] = rows[:, place]
        met = np.ones(len(rows), bool)
        for value in self.config.before:
            met &= self.costs.exact(value, whole)
        for requirement in self._required:  # few are left, and conditions may branch
            ahead = np.flatnonzero(met)
            if _is_comparison(requirement.condition):
                met[ahead] &= self._compared(requirement, whole[ahead])
            else:
                met[ahead] = [self._holds(requirement, row) for row in whole[ahead].tolist()]
        return met

    def _compared(self, requirement: Requirement, rows: NDArray[Any]) -> Any:
        """Whether N networks satisfy a requirement `measure <= number`; True if a table is missing."""
        condition = requirement.condition
        assert isinstance(condition, Apply)

        def side(value: Any) -> Any:
            if not isinstance(value, Measure):
                return value
            return self.costs.exact(_term(value), rows)

        try:
            return FUNCTIONS[condition.fn](*map(side, condition.args))
        except SpecError:
            return True

    def extremes(self) -> Iterator[Outcomes]:
        """Yields the networks with the minimum and the maximum of each cost that requirements name."""

        senses: tuple[Sense, ...] = ("least", "most")
        for term in self._limiting:
            for sense in senses:
                row = self.costs.extreme(term, sense)
                yield tuple(row[n] for n, place in enumerate(self._places) if place is not None)

    @cached_property
    def _limiting(self) -> list[Term]:
        """The costs that requirements name, except latencies without a table."""
        found = {repr(t): t for one in self.config.before for t in terms_in(one) if t.name in MEASURES}
        for requirement in self._required:
            for leaf in leaves(requirement.condition):
                if isinstance(leaf, Measure):
                    term = _term(leaf)
                    with suppress(SpecError):
                        self.costs.has_tables(term)
                        found[repr(term)] = term
        return list(found.values())

    def identify(self, proposal: Proposal) -> Identified:
        """The canonical form of a proposed network, and its key, None if it violates a requirement.

        Raises SpecError (ARCH864) for an invalid proposal, since the strategy may be a plug-in.
        """
        self._check(proposal)
        outcomes = self.domain.canonical(proposal.outcomes)
        if not self.meets(outcomes):
            return Identified(outcomes, None)
        return Identified(outcomes, self.key(outcomes))

    def _check(self, proposal: Proposal) -> None:
        (outcomes, epochs), sizes = proposal, self.domain.sizes
        whole = len(outcomes) == len(sizes) and {*map(type, outcomes)} <= {int}
        if not whole or min(outcomes, default=0) < 0 or not all(map(lt, outcomes, sizes)):
            why = f"it proposed the outcomes {outcomes}, but the decisions have {sizes} outcomes"
            raise broken("strategy", self.config.strategy, why)
        if epochs is not None and (type(epochs) is not int or epochs < 1):
            raise broken("strategy", self.config.strategy, f"it proposed {epochs} epochs")

    def key(self, outcomes: Outcomes) -> Hashable:
        """The key of a network, equal for networks that are the same trial; its outcomes if ill-typed."""
        if not self.config.evaluator_kind.by_graph:
            return outcomes
        try:
            return identity(self.bound(outcomes).network.graph)
        except SpecError:  # the evaluator says why, and the trial fails
            return outcomes

    # ------------------------------------------------------------ after it

    def score(self, outcomes: Outcomes, done: Done) -> tuple[tuple[float, ...], Standing]:
        """The values of the objectives, negated if maximized, and the state of an evaluated network.

        The values are infinite if the network failed or violates a requirement on scores.
        """
        worst = (math.inf,) * self.objectives
        if done.failure is not None:
            return worst, "failed"
        row = self.row(outcomes)
        try:
            if not all(self.costs.one(one, row, done.scores) for one in self.config.after):
                return worst, "unmet"
            values = tuple([float(value) for value in self._values(row, done.scores)])
        except (ValueError, ArithmeticError):  # the logarithm of zero
            return worst, "failed"
        if not all(map(math.isfinite, values)):
            return worst, "failed"
        return tuple([s * v for s, v in zip(self.config.signs, values, strict=True)]), "scored"

    def _values(self, row: Any, scores: Mapping[str, float]) -> list[float]:
        return [self.costs.one(goal.value, row, scores) for goal in self.config.goals.objectives]


def _term(measure: Measure) -> Term:
    """A measure of a requirement as a term of objectives."""
    return Term(measure.name, dict(measure.options))


def _called(term: Term, timed: list[Term]) -> str:
    """The name of a latency or rate with its unit, and with its device if `timed` has several of the kind."""
    unit = UNITS[term.name]
    device = term.settings.get("device")
    several = sum(one.name == term.name for one in timed) > 1
    return f"{unit} ({device})" if several and device is not None else unit


def _is_comparison(condition: Any) -> bool:
    """Whether a condition compares a measure with a number, as `measure <= number`."""
    if not isinstance(condition, Apply) or condition.fn not in ("le", "lt", "eq", "ne"):
        return False
    return all(isinstance(side, Measure | int | float) for side in condition.args)


def _is_direct(requirement: Requirement) -> bool:
    """Whether a requirement depends on decisions and costs alone, not on sizes of tensors."""
    return not any(isinstance(leaf, Dim) for leaf in leaves(requirement.condition))
