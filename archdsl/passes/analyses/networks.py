"""Counts the networks of a space, and samples them uniformly.

A network is an assignment of outcomes to its active decisions (`archdsl.passes.analyses.active`); inactive
decisions have no effect, so a space has fewer networks than combinations of outcomes. The decisions that
determine which others are active are assigned in turn, downstream decisions first. What remains decomposes
into independent parts, which are counted separately and multiplied; counts of parts are cached (as in model
counting: Bacchus, Dalmao and Pitassi, "Algorithms and complexity results for #SAT and Bayesian inference",
FOCS 2003).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import prod
from random import Random
from typing import Literal, NamedTuple

from archdsl.ir import Graph
from archdsl.passes.analyses.active import ActiveDecisions, active_decisions
from archdsl.passes.analyses.decision_diagrams import TooLarge

MOST_WORK = 1_500_000
"""The maximum work of counting, in conditions × outcomes of a variable; beyond it, the count is a bound."""

Over = Literal["outcomes", "networks"]
"""The distribution of samples: uniform over the outcomes of each decision, or uniform over networks."""

Part = tuple[int, ...]
"""A subproblem of counting: conditions that share variables, as roots in increasing order."""


class Count(NamedTuple):
    """The number of networks of a space, exact or an upper bound; and of combinations of outcomes."""

    networks: int
    exact: bool
    combinations: int


class Uncounted(Exception):
    """Raised if the networks of a space cannot be counted, and hence not be sampled uniformly."""


class _Row(NamedTuple):
    """Outcomes of a part's first variable that leave the same subproblems, `parts`, and their weight.

    `free` are the levels of the variables that no condition depends on any more.
    """

    outcomes: list[int]
    weight: int
    parts: list[Part]
    free: list[int]


class Networks:
    """Counts and samples the networks of a space."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._found: ActiveDecisions = active_decisions(graph)
        self._d = self._found.diagrams
        self._rows: dict[Part, list[_Row]] = {}
        self._counts: dict[Part, int] = {}
        self._supports: dict[int, int] = {}
        self._work = 0
        self._levels = sorted(self._found.outcomes)
        self._bit = {level: 1 << n for n, level in enumerate(self._levels)}

    @cached_property
    def count(self) -> Count:
        """The number of networks; an upper bound if the work limit is reached."""
        size = self.graph.size
        try:
            start = self._start
            for part in start.parts:
                self._count(part)
        except TooLarge:
            active = [p for p, root in self._found.when.items() if root != self._d.false]
            return Count(prod(self.graph.decisions[p].size for p in active), False, size)
        return Count(self._of_row(start), self._found.exact, size)

    def sample(self, rng: Random) -> dict[str, int]:
        """Samples a network uniformly; returns the outcome indices of its active decisions.

        Raises Uncounted if the networks cannot be counted.
        """
        if not self.count.exact:
            raise Uncounted
        chosen = {level: rng.randrange(self._found.outcomes[level]) for level in self._start.free}
        ahead = list(self._start.parts)
        while ahead:
            part = ahead.pop()
            number = rng.randrange(self._counts[part])
            for row in self._rows[part]:
                number -= len(row.outcomes) * self._of_row(row)
                if number < 0:
                    break
            chosen[self._top(part)] = rng.choice(row.outcomes)
            chosen.update((level, rng.randrange(self._found.outcomes[level])) for level in row.free)
            ahead += row.parts
        return self._named(chosen, rng)

    def _named(self, chosen: dict[int, int], rng: Random) -> dict[str, int]:
        d, found = self._d, self._found
        level_of = {path: level for level, path in found.paths.items()}
        holds: dict[int, bool] = {}
        outcomes = {}
        for path, root in found.when.items():
            if root not in holds:
                at = root
                while not d.is_leaf(at):
                    at = d.children[at][chosen[d.level[at]]]
                holds[root] = d.value(at)
            if holds[root]:
                level = level_of.get(path)
                size = self.graph.decisions[path].size
                outcomes[path] = rng.randrange(size) if level is None else chosen[level]
        return outcomes

    # ------------------------------------------------------------ counting

    @cached_property
    def _start(self) -> _Row:
        """The entire counting problem, before any variable is assigned."""
        return self._row([0], self._factors(), sum(self._bit.values()))

    def _factors(self) -> list[int]:
        """Functions whose product, summed over all outcomes of the variables, is the number of networks.

        A decision that conditions test is restricted to its first outcome where it is inactive, so that it
        counts once. Any other decision contributes its number of outcomes as a factor where it is active.
        """
        d, found = self._d, self._found
        d.budget, d.most_steps = (
            4 * d.budget,
            4 * d.most_steps,
        )  # conditions are copied, with weights for leaves
        level_of = {path: level for level, path in found.paths.items()}
        factors, weights = [], dict[int, int]()
        for path, root in found.when.items():
            size, level = self.graph.decisions[path].size, level_of.get(path)
            if level is None:
                weights[root] = weights.get(root, 1) * size
            elif root != d.true:
                first = d.node(level, tuple([d.leaf(o == 0) for o in range(size)]))
                factors.append(d.map(int, d.either(root, first)))
        for root, weight in weights.items():
            factors.append(d.map(lambda active, weight=weight: weight if active else 1, root))
        for level, definition in found.definitions.items():
            own = d.node(level, tuple([d.leaf(o) for o in range(found.outcomes[level])]))
            factors.append(d.map(lambda a, b: int(a == b), own, definition))
        return factors

    def _count(self, wanted: Part) -> None:
        counts, ahead = self._counts, [wanted]
        while ahead:
            part = ahead[-1]
            if part in counts:
                ahead.pop()
                continue
            rows = self._rows.get(part)
            if rows is None:
                self._work += len(part) * self._found.outcomes[self._top(part)]
                if self._work > MOST_WORK:
                    raise TooLarge
                rows = self._rows[part] = self._decided(part)
                missing = [p for row in rows for p in row.parts if p not in counts]
                if missing:
                    ahead += missing
                    continue
            counts[part] = sum(len(row.outcomes) * self._of_row(row) for row in rows)
            ahead.pop()

    def _of_row(self, row: _Row) -> int:
        free = prod(self._found.outcomes[level] for level in row.free)
        return row.weight * free * prod(self._counts[part] for part in row.parts)

    def _top(self, part: Part) -> int:
        return min(self._d.level[root] for root in part)

    def _decided(self, part: Part) -> list[_Row]:
        """The rows of a part: the subproblems after assigning each outcome to its first variable."""
        d, top = self._d, self._top(part)
        under = self._support(part) ^ self._bit[top]
        leading: dict[Part, list[int]] = {}
        for outcome in range(self._found.outcomes[top]):
            roots = tuple([d.children[r][outcome] if d.level[r] == top else r for r in part])
            leading.setdefault(roots, []).append(outcome)
        rows = [self._row(outcomes, roots, under) for roots, outcomes in leading.items()]
        return [row for row in rows if row.weight]

    def _row(self, outcomes: list[int], roots: Sequence[int], under: int) -> _Row:
        """Decomposes conditions into parts without common variables; `under` are their variables as a bit
        set.
        """
        d, weight = self._d, 1
        parts: list[tuple[int, list[int]]] = []
        for root in roots:
            if d.is_leaf(root):
                weight *= d.value(root)
                continue
            support, joined, apart = self._support([root]), [root], []
            for other, members in parts:
                if other & support:
                    support |= other
                    joined += members
                else:
                    apart.append((other, members))
            parts = [*apart, (support, joined)]
        for support, _ in parts:
            under &= ~support
        free = [level for level in self._levels if under & self._bit[level]] if under else []
        return _Row(outcomes, weight, [tuple(sorted(members)) for _, members in parts], free)

    def _support(self, roots: Iterable[int]) -> int:
        """The variables that these functions depend on, as a bit set."""
        d, known, found = self._d, self._supports, 0
        for root in roots:
            if root not in known:
                for at in sorted(d.reachable(root), key=lambda at: -d.level[at]):
                    if at not in known:
                        own = 0 if d.is_leaf(at) else self._bit[d.level[at]]
                        for child in d.children[at]:
                            own |= known[child]
                        known[at] = own
            found |= known[root]
        return found
