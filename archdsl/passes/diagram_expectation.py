"""The expected price from the diagrams of a closed form, without tables: usually exact, always quick.

Nothing needs to be cut where no tables are made, and then the expectation is exact.  Where the diagrams
become too large the functions that are cut, the auxiliary variables, are drawn each by itself, with the
chance that it has if those that it is a function of are drawn by themselves.  That is an approximation,
exact for certain networks, and where no function depends on one decision both by itself and through an
auxiliary variable, or through two.

The chance to come by each node of the diagrams is found from the roots downwards, for all pieces at once.
The gradient is the same sweep upwards (Darwiche, "A differential approach to inference in Bayesian
networks", JACM 2003).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.ir import Graph
from archdsl.passes.closed_form import UNCUT, ClosedForm, Entangled, Limits, closed_form
from archdsl.passes.decision_diagrams import Diagrams
from archdsl.passes.pricing import Price, price_functions
from archdsl.passes.probabilities import numbers, tensors

if TYPE_CHECKING:
    import torch

Vector = Any
"""A numpy array of one axis."""
_Place = tuple[int, int]
"""The number of a diagram, and a node of it."""


class DiagramExpectation:
    """The expected price, as a function of the probabilities of outcomes by decision.

    `exact` says whether it is; it is not where functions were cut.
    """

    def __init__(self, closed: ClosedForm, functions: Sequence[int]):
        """`functions` are the roots whose sum is the price."""
        self.exact = not closed.auxiliaries
        decisions = closed.graph.decisions
        self.decisions, self.sizes = tuple(decisions), tuple(d.size for d in decisions.values())
        start, self._chances = _starts(closed)
        place = {
            (n, leaf): start[auxiliary.level] + at
            for n, auxiliary in enumerate(closed.auxiliaries)
            for at, leaf in enumerate(closed.diagrams.leaves(auxiliary.definition))
        }
        self._rounds = [
            _Sweep.of(closed.diagrams, start, [(n, root, 1.0) for n, root in together], place.__getitem__)
            for together in _rounds(closed)
        ]
        roots = [(0, root, float(times)) for root, times in Counter(functions).items()]
        self._price = _Sweep.of(closed.diagrams, start, roots, lambda at: float(closed.diagrams.value(at[1])))

    def of(self, probabilities: Mapping[str, Any] | None = None) -> float:
        """The price; takes and raises what `Expected.of` does."""
        return self._run(np.concatenate(numbers(self.decisions, self.sizes, probabilities or {})))[0]

    def torch(self, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The same as a scalar tensor of float64 that gradients flow through, once."""
        import torch

        given = torch.cat(tensors(self.decisions, self.sizes, probabilities))
        price, gradient = self._run(given.detach().cpu().numpy())
        slope = torch.as_tensor(gradient, device=given.device)
        return price + slope @ (given - given.detach())

    def _run(self, given: Vector) -> tuple[float, Vector]:
        """The price, and its derivatives by the chances of outcomes."""
        chances = np.zeros(self._chances)
        chances[: len(given)] = given
        reached = []
        for sweep in self._rounds:
            reach = sweep.down(chances)
            chances[sweep.found] = reach[sweep.leaves]
            reached.append(reach)
        reach = self._price.down(chances)
        price = float(reach[self._price.leaves] @ self._price.found)
        gradient = self._price.up(chances, reach, self._price.found)
        for sweep, reach in zip(reversed(self._rounds), reversed(reached), strict=True):
            gradient += sweep.up(chances, reach, gradient[sweep.found])
        return price, gradient[: len(given)]


def diagram_expectation(graph: Graph, price: Price) -> DiagramExpectation:
    """The expected price of a space: exact; else with what ops share counted in each; else with cuts.

    Raises Entangled for a space without closed form.
    """
    closed_form(graph)  # which is quick to tell that there is none
    apart = replace(price, shared_once=False)
    if price.shared_once:
        with suppress(Entangled):
            return _within(graph, price, UNCUT)
    try:
        found = _within(graph, apart, UNCUT)
    except Entangled:
        found = _within(graph, apart, Limits())
    found.exact &= not price.shared_once
    return found


def _within(graph: Graph, price: Price, limits: Limits) -> DiagramExpectation:
    closed = closed_form(graph, limits)
    return DiagramExpectation(closed, price_functions(closed, price))


def _starts(closed: ClosedForm) -> tuple[dict[int, int], int]:
    """By level, where the chances of its variable start, decisions first; and how many chances there are."""
    level = {path: level for level, path in closed.variables.items()}
    found: dict[int, int] = {}
    at = 0
    for path, decision in closed.graph.decisions.items():
        if path in level:
            found[level[path]] = at
        at += decision.size
    for auxiliary in closed.auxiliaries:
        found[auxiliary.level] = at
        at += len(auxiliary.values)
    return found, at


def _rounds(closed: ClosedForm) -> list[list[_Place]]:
    """The definitions of auxiliary variables in groups, each after those that it is a function of."""
    depth: dict[int, int] = {}
    groups: list[list[_Place]] = []
    for n, auxiliary in enumerate(closed.auxiliaries):
        read = closed.diagrams.classes(auxiliary.definition)
        own = depth[auxiliary.level] = max((depth[v] + 1 for v in read if v in depth), default=0)
        groups += [[] for _ in range(own + 1 - len(groups))]
        groups[own].append((n, auxiliary.definition))
    return groups


@dataclass(frozen=True, eq=False)
class _Edges:
    """Edges of diagrams by one of their ends, which is among the nodes `first` to `last`."""

    first: int
    last: int
    above: Vector
    below: Vector
    chance: Vector


@dataclass(frozen=True, eq=False)
class _Sweep:
    """Diagrams side by side; their nodes are numbered so that edges lead to greater numbers.

    `start` is how often each node is a root, `leaves` are numbers of leaves and `found` what each of
    them stands for.  `into` and `out` hold the same edges, by what they lead to and from.
    """

    start: Vector
    leaves: Vector
    found: Vector
    into: Sequence[_Edges]
    out: Sequence[_Edges]

    @staticmethod
    def of(
        diagrams: Diagrams,
        start: Mapping[int, int],
        roots: Sequence[tuple[int, int, float]],
        found: Callable[[_Place], float],
    ) -> _Sweep:
        """Of roots, each with the number of its diagram and how often it counts.

        Those of one number share their nodes.
        """
        rank, edges = _edges(diagrams, start, roots)
        number = {node: n for n, node in enumerate(sorted(rank, key=lambda node: (rank[node], node)))}
        begins = np.zeros(len(number))
        for of, root, times in roots:
            begins[number[of, root]] += times
        leaves = [node for node in number if diagrams.is_leaf(node[1])]
        ranks = np.array([rank[node] for node in number], dtype=int)
        above = np.array([number[a] for a, _, _ in edges], dtype=int)
        below = np.array([number[b] for _, b, _ in edges], dtype=int)
        chance = np.array([c for _, _, c in edges], dtype=int)
        return _Sweep(
            begins,
            np.array([number[node] for node in leaves], dtype=int),
            np.array([found(leaf) for leaf in leaves]),
            _grouped(ranks, below, above, below, chance),
            _grouped(ranks, above, above, below, chance),
        )

    def down(self, chances: Vector) -> Vector:
        """How likely each node is come by, if outcomes are drawn anew at each."""
        reach = self.start.copy()
        for e in self.into:
            moved = reach[e.above] * chances[e.chance]
            reach[e.first : e.last] += np.bincount(e.below - e.first, moved, e.last - e.first)
        return reach

    def up(self, chances: Vector, reach: Vector, of_leaves: Vector) -> Vector:
        """The derivatives by chances of a result whose derivatives by what leaves are reached are given."""
        value = np.zeros(len(reach))
        value[self.leaves] = of_leaves
        gradient = np.zeros(len(chances))
        for e in reversed(self.out):
            below = value[e.below]
            moved = below * chances[e.chance]
            value[e.first : e.last] += np.bincount(e.above - e.first, moved, e.last - e.first)
            gradient += np.bincount(e.chance, below * reach[e.above], len(chances))
        return gradient


def _edges(
    diagrams: Diagrams, start: Mapping[int, int], roots: Iterable[tuple[int, int, float]]
) -> tuple[dict[_Place, int], list[tuple[_Place, _Place, int]]]:
    """How far each node is below roots, at most, and the edges, with the place of their chance."""
    places = {(of, node) for of, root, _ in roots for node in diagrams.reachable(root)}
    rank = dict.fromkeys(places, 0)
    edges = []
    for of, node in sorted(places, key=lambda place: diagrams.level[place[1]]):
        for outcome, child in enumerate(diagrams.children[node]):
            edges.append(((of, node), (of, child), start[diagrams.level[node]] + outcome))
            rank[of, child] = max(rank[of, child], rank[of, node] + 1)
    return rank, edges


def _grouped(ranks: Vector, end: Vector, above: Vector, below: Vector, chance: Vector) -> list[_Edges]:
    """The edges by the rank of one end, in increasing order."""
    found = []
    for rank in np.unique(ranks[end]):
        here = ranks[end] == rank
        first, last = np.searchsorted(ranks, (rank, rank + 1))
        found.append(_Edges(int(first), int(last), above[here], below[here], chance[here]))
    return found
