"""Decides whether a condition over decisions holds in every network, or finds outcomes that violate it.

Networks are not enumerated. A condition is first evaluated over value sets. If these do not decide it, the
condition is split on the decisions that it depends on, nearest first, until every branch is decided. If
splitting takes too long, the condition is compiled to a decision diagram (`archdsl.spec.deciding.exact`),
within the budget.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.ir import Apply, Decision, Dim, Expr, Pick, Value
from archdsl.passes.analyses.decision_diagrams import TooLarge
from archdsl.passes.analyses.symbolic import Definitions
from archdsl.spec.deciding.exact import Exact
from archdsl.spec.deciding.possible import Possible, Unbounded, Values
from archdsl.spec.deciding.shortening import shortened

BUDGET = 200_000
"""The maximum number of steps for one condition."""
SPLITS = 20
"""Splits get 1 / SPLITS of the budget; decision diagrams get the rest."""
TOTAL = 5
"""The budget for all conditions of a graph, as a multiple of the budget for one condition."""

Outcomes = dict[str, int]


class Undecided(Exception):
    """Raised if the maximum number of steps was reached without a proof or a counterexample."""


def support(value: Value, definitions: Definitions) -> dict[str, None]:
    """The decisions that a value depends on, nearest first, as the keys of a dict."""
    found: dict[str, None] = {}
    seen: set[Value] = set()
    ahead: list[Value] = [value]
    while ahead:
        later: list[Value] = []
        for here in ahead:
            if not isinstance(here, Expr) or here in seen:
                continue
            seen.add(here)
            if isinstance(here, Pick):
                found.setdefault(here.decision)
            elif isinstance(here, Apply):
                later.extend(here.args)
            elif isinstance(here, Dim):
                mux, sizes = definitions[here]
                if isinstance(mux.on, str):
                    found.setdefault(mux.on)
                else:
                    later.append(mux.on)
                later.extend(s for s in sizes if s is not None)
        ahead = later
    return found


class Searcher:
    """Searches for outcomes of decisions that make a condition false."""

    def __init__(self, decisions: Mapping[str, Decision], definitions: Definitions, budget: int = BUDGET):
        self.decisions, self.definitions, self.budget = decisions, definitions, budget
        self.total = TOTAL * budget

    def counterexample(self, condition: Value, allowed: Mapping[str, Sequence[int]]) -> Outcomes | None:
        """Outcomes that imply that the condition is false; None if the condition holds in all networks.

        `allowed` restricts the outcomes of decisions. Raises Undecided if the budget is exhausted.
        """
        if condition is True:
            return None
        if self.total <= 0:
            raise Undecided
        order = list(support(condition, self.definitions))
        try:
            found = self._split(condition, dict(allowed), order)
        except Undecided:
            return self._exactly(condition, allowed, order)
        return None if found is None else self._least(condition, found, allowed)

    def refuting(self, condition: Value, decisions: Sequence[str], found: Outcomes) -> dict[str, set[int]]:
        """For each of these decisions, the outcomes with which the condition can be false.

        `found` is a counterexample of the condition. Outcomes that the budget leaves undecided are included.
        """
        kept: dict[str, set[int]] = {path: set() for path in decisions}
        unknown = [(path, outcome) for path in decisions for outcome in self._outcomes(path, {})]

        def keep(example: Outcomes) -> None:
            for path, outcome in unknown:
                if example.get(path, outcome) == outcome:
                    kept[path].add(outcome)

        keep(found)
        unknown = [(path, outcome) for path, outcome in unknown if outcome not in kept[path]]
        unknown = self._unsettled(condition, unknown, kept)
        if unknown and self.total > 0:
            try:
                can = self._refuting_exactly(condition)
            except TooLarge:
                pass
            else:
                for path, outcome in unknown:
                    if outcome in can.get(path, (outcome,)):
                        kept[path].add(outcome)
                return kept
        for path, outcome in unknown:
            if outcome not in kept[path]:
                try:
                    example = self.counterexample(condition, {path: (outcome,)})
                except Undecided:
                    kept[path].add(outcome)
                    continue
                if example is not None:
                    keep({**example, path: outcome})
        return kept

    def _unsettled(
        self, condition: Value, unknown: list[tuple[str, int]], kept: Mapping[str, set[int]]
    ) -> list[tuple[str, int]]:
        """Tests by value sets whether a condition can be false with each outcome.

        Returns the outcomes for which this remains undecided. Outcomes with which the condition is always
        false are added to `kept`; those with which it is always true are dropped. About 1 / SPLITS of the
        budget is spent; outcomes not tested by then are returned as well.
        """
        enough = max(self.total - self.budget // SPLITS, 0)
        left: list[tuple[str, int]] = []
        for n, (path, outcome) in enumerate(unknown):
            if self.total <= enough:
                return left + unknown[n:]
            truth = self._truth(condition, {path: (outcome,)})
            if truth == {False}:
                kept[path].add(outcome)
            elif truth and truth != {True}:
                left.append((path, outcome))
        return left

    def _refuting_exactly(self, condition: Value) -> Mapping[str, set[int]]:
        """For each decision, the outcomes with which a condition can be false. Raises TooLarge."""
        order = support(condition, self.definitions)
        exact = Exact(order, self.decisions, self.definitions, min(self.budget, self.total))
        try:
            return exact.possible(exact.holds(condition, False))
        finally:
            self.total -= exact.diagrams.steps

    def _exactly(
        self, condition: Value, allowed: Mapping[str, Sequence[int]], order: list[str]
    ) -> Outcomes | None:
        exact = Exact(order, self.decisions, self.definitions, min(self.budget, self.total))
        try:
            return exact.shortest(exact.diagrams.both(exact.allowed(allowed), exact.holds(condition, False)))
        except TooLarge:
            raise Undecided from None
        finally:
            self.total -= exact.diagrams.steps

    def _truth(self, condition: Value, allowed: Mapping[str, Sequence[int]]) -> Values:
        values = Possible(self.definitions, allowed)
        try:
            return values.of(condition)
        except Unbounded:
            return frozenset((True, False))
        finally:
            self.total -= values.work

    def _split(
        self, condition: Value, allowed: dict[str, Sequence[int]], order: list[str]
    ) -> Outcomes | None:
        ahead = [allowed]
        enough = max(self.total - self.budget // SPLITS, 0)
        first = self._truth(condition, allowed)
        if first == {False}:
            return _single(allowed)
        if first == {True} or not first:
            return None
        while ahead:
            here = ahead.pop()
            decision = next((d for d in order if len(self._outcomes(d, here)) > 1), None)
            if decision is None:
                raise Undecided
            later = []
            for outcome in self._outcomes(decision, here):
                if self.total <= enough:
                    raise Undecided
                branch = {**here, decision: (outcome,)}
                truth = self._truth(condition, branch)
                if truth == {False}:
                    return _single(branch)
                if truth and truth != {True}:
                    later.append(branch)
            ahead += reversed(later)
        return None

    def _outcomes(self, decision: str, allowed: Mapping[str, Sequence[int]]) -> Sequence[int]:
        found = allowed.get(decision)
        if found is not None:
            return found
        known = self.decisions.get(decision)
        return range(known.size) if known else (0,)

    def _least(self, condition: Value, found: Outcomes, allowed: Mapping[str, Sequence[int]]) -> Outcomes:
        """Removes the decisions that the counterexample does not need."""
        fixed = {d for d, o in allowed.items() if len(o) == 1}

        def implies(fewer: Outcomes) -> bool:
            return self._truth(condition, {**allowed, **{d: (o,) for d, o in fewer.items()}}) == {False}

        return shortened(found, implies, needed=fixed)


def _single(allowed: Mapping[str, Sequence[int]]) -> Outcomes:
    return {decision: outcomes[0] for decision, outcomes in allowed.items() if len(outcomes) == 1}
