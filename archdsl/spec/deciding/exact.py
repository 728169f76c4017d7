"""Conditions over decisions as decision diagrams: an exact decision procedure.

A condition that value sets and splits do not decide is compiled to a function of the decisions that it
depends on, each sub-expression once (`archdsl.passes.analyses.decision_diagrams`). The cost depends on the
number of distinct functions, not on the number of paths or networks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from archdsl.ir import Apply, Decision, Dim, Expr, Mux, Pick, Value
from archdsl.ir.expr import Scalar
from archdsl.ir.resolve import lenient
from archdsl.passes.analyses.decision_diagrams import LEAF, Diagrams, TooLarge
from archdsl.passes.analyses.symbolic import Definitions
from archdsl.spec.deciding.shortening import shortened

Outcomes = dict[str, int]


class Exact:
    """Converts values over decisions to functions: roots of decision diagrams that share nodes.

    The variables are the decisions in the given order; further decisions are appended when they are first
    used.
    """

    def __init__(
        self,
        order: Iterable[str],
        decisions: Mapping[str, Decision],
        definitions: Definitions,
        most_steps: float,
    ):
        self.diagrams = Diagrams(MOST_NODES, most_steps)
        self._decisions, self._definitions = decisions, definitions
        self._levels: dict[str, int] = {path: level for level, path in enumerate(order)}
        self._known: dict[Value, int] = {}

    # ------------------------------------------------------------ values

    def of(self, value: Value) -> int:
        """A value as a function of decisions, None where it is undefined. Raises TooLarge."""
        if not isinstance(value, Expr):
            return self.diagrams.leaf(value)
        known, ahead = self._known, [value]
        while ahead:
            here = ahead[-1]
            needs = [v for v in self._parts(here) if isinstance(v, Expr) and v not in known]
            if needs and here not in known:
                ahead += needs
                continue
            ahead.pop()
            if here not in known:
                known[here] = self._made(here)
        return known[value]

    def _parts(self, value: Expr) -> Sequence[Value]:
        if isinstance(value, Apply):
            return value.args
        if isinstance(value, Dim):
            mux, sizes = self._definitions[value]
            given = [size for size in sizes if size is not None]
            return given if isinstance(mux.on, str) else [mux.on, *given]
        return ()

    def _made(self, value: Expr) -> int:
        d = self.diagrams
        if isinstance(value, Pick):
            return self.decision(value.decision, [d.leaf(v) for v in value.values])
        if isinstance(value, Dim):
            mux, sizes = self._definitions[value]
            return self.chosen(mux, [None if size is None else self.of(size) for size in sizes])
        if not isinstance(value, Apply):
            raise TooLarge("a measure of the whole network")
        first, *others = [self.of(a) for a in value.args]
        if value.fn == "if":
            return d.choose(first, others, _by_truth)
        if value.fn == "and":
            return d.choose(first, (*others, d.false), _by_truth)
        if value.fn == "or":
            return d.choose(first, (d.true, *others), _by_truth)
        return d.map(lenient(value.fn), first, *others)

    def decision(self, path: str, cases: Sequence[int]) -> int:
        """The function that equals `cases[o]` where the decision has outcome o."""
        level = self._levels.setdefault(path, len(self._levels))
        if all(self.diagrams.level[case] > level for case in cases):
            return self.diagrams.node(level, tuple(cases))
        outcome = self.diagrams.node(level, tuple([self.diagrams.leaf(o) for o in range(len(cases))]))
        return self.diagrams.choose(outcome, cases, lambda o: o)

    def chosen(self, mux: Mux, sizes: Sequence[int | None]) -> int:
        """The function that equals the size of the case that a mux selects, and None where that is None."""
        d = self.diagrams
        keys = [key for key, _ in mux.cases]
        cases = [d.none if size is None else size for size in sizes]
        if isinstance(mux.on, str):
            by_outcome = dict(zip(map(int, keys), cases, strict=True))
            count = self._decisions[mux.on].size if mux.on in self._decisions else max(by_outcome) + 1
            return self.decision(mux.on, [by_outcome.get(o, d.none) for o in range(count)])
        place = {key: n for n, key in reversed(list(enumerate(keys)))}
        return d.choose(self.of(mux.on), cases, place.get)

    # ------------------------------------------------------------ conditions

    def holds(self, value: Value, *expected: Scalar) -> int:
        """The condition that a value is one of the values `expected`."""
        return self.diagrams.map(lambda v: v in expected, self.of(value))

    def allowed(self, allowed: Mapping[str, Sequence[int]]) -> int:
        """The condition that each decision has one of the listed outcomes."""
        d, found = self.diagrams, self.diagrams.true
        for path, outcomes in allowed.items():
            if path in self._decisions:
                listed = [d.true if o in outcomes else d.false for o in range(self._decisions[path].size)]
                found = d.both(found, self.decision(path, listed))
        return found

    def possible(self, condition: int) -> dict[str, set[int]]:
        """For each decision, the outcomes with which a condition can hold."""
        d = self.diagrams
        holds: set[int] = {d.true}  # for some outcomes
        found: dict[int, set[int]] = {}
        jumps: set[tuple[int, int]] = set()  # from a level to a lower one: in between everything is possible
        for at in sorted(d.reachable(condition)):  # children precede parents
            children = [(o, child) for o, child in enumerate(d.children[at]) if child in holds]
            if children:
                holds.add(at)
                found.setdefault(d.level[at], set()).update(o for o, _ in children)
                jumps.update((d.level[at], d.level[child]) for _, child in children)
        if condition in holds:
            jumps.add((-1, d.level[condition]))
        free = _between(jumps, len(self._levels))
        return {
            path: set(range(self._decisions[path].size)) if level in free else found.get(level, set())
            for path, level in self._levels.items()
            if path in self._decisions
        }

    def shortest(self, condition: int) -> Outcomes | None:
        """A smallest set of outcomes that implies a condition; None if the condition is unsatisfiable."""
        d = self.diagrams
        if condition == d.false:
            return None
        cost: dict[int, int] = {}
        step: dict[int, int] = {}
        for at in sorted(d.reachable(condition)):  # children precede parents
            if d.level[at] == LEAF:
                if at == d.true:
                    cost[at] = 0
                continue
            found = [(cost[child], o) for o, child in enumerate(d.children[at]) if child in cost]
            if found:
                least, step[at] = min(found)
                cost[at] = least + 1
        paths = {level: path for path, level in self._levels.items()}
        outcomes: Outcomes = {}
        at = condition
        while d.level[at] != LEAF:
            outcomes[paths[d.level[at]]] = step[at]
            at = d.children[at][step[at]]
        return shortened(outcomes, lambda fewer: self.always(condition, fewer))

    def always(self, condition: int, outcomes: Mapping[str, int]) -> bool:
        """Whether a condition holds in all networks with these outcomes."""
        d = self.diagrams
        fixed = {self._levels[path]: o for path, o in outcomes.items() if path in self._levels}
        ahead, seen = [condition], {condition}
        while ahead:
            at = ahead.pop()
            if d.level[at] == LEAF:
                if at != d.true:
                    return False
                continue
            only = fixed.get(d.level[at])
            children = d.children[at] if only is None else (d.children[at][only],)
            ahead += [child for child in children if child not in seen]
            seen.update(children)
        return True


MOST_NODES = 2_000_000
"""The maximum number of nodes of all diagrams, which bounds their memory."""


def _by_truth(value: object) -> int:
    return 0 if value else 1


def _between(jumps: Iterable[tuple[int, int]], levels: int) -> set[int]:
    """The levels that are strictly between the ends of at least one jump."""
    change = [0] * (levels + 2)
    for start, end in jumps:
        change[start + 1] += 1
        change[min(end, levels)] -= 1
    return {level for level, jumping in enumerate(accumulate(change)) if jumping > 0 and level < levels}
