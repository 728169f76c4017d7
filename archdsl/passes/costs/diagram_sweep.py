"""Computes, for many decision diagrams at once, the probabilities of reaching their nodes, and derivatives.

Probabilities are propagated from the roots downwards; derivatives are propagated upwards in the same way
(Darwiche, "A differential approach to inference in Bayesian networks", JACM 2003). Outcomes that lead from a
node to the same child form one edge, whose probability is the sum of their probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archdsl.passes.analyses.decision_diagrams import Diagrams

Vector = Any
"""A numpy array of one axis."""
Place = tuple[int, int]
"""A node of a diagram: the number of the diagram, and the node."""
Root = tuple[int, int, float]
"""The number of a diagram, its root, and its weight in the sum. Roots with equal numbers share nodes."""


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges of diagrams, grouped by one of their two ends, a node from `first` to `last`."""

    first: int
    last: int
    above: Vector
    below: Vector
    chance: Vector


@dataclass(frozen=True, eq=False)
class Sweep:
    """Decision diagrams with their nodes in topological order.

    `start` is the number of times each node is a root, `leaves` are the indices of leaves and `found` their
    values. `into` and `out` are the same edges, grouped by head and by tail. The probability of each edge is
    an entry of `sums`: `sums[n]` adds up the probabilities at `places[n]`.
    """

    start: Vector
    leaves: Vector
    found: Vector
    sums: Vector
    places: Vector
    into: Sequence[_Edges]
    out: Sequence[_Edges]

    @staticmethod
    def of(
        diagrams: Diagrams, first: Mapping[int, int], roots: Sequence[Root], found: Callable[[Place], float]
    ) -> Sweep:
        """Builds a sweep; `first` maps levels to the index of the first probability of their variable."""
        rank, edges, chances = _edges(diagrams, first, roots)
        number = {node: n for n, node in enumerate(sorted(rank, key=lambda node: (rank[node], node)))}
        begins = np.zeros(len(number))
        for of, root, times in roots:
            begins[number[of, root]] += times
        leaves = [node for node in number if diagrams.is_leaf(node[1])]
        ranks = np.array([rank[node] for node in number], dtype=int)
        above = np.array([number[a] for a, _, _ in edges], dtype=int)
        below = np.array([number[b] for _, b, _ in edges], dtype=int)
        chance = np.array([c for _, _, c in edges], dtype=int)
        return Sweep(
            begins,
            np.array([number[node] for node in leaves], dtype=int),
            np.array([found(leaf) for leaf in leaves]),
            np.array([n for n, places in enumerate(chances) for _ in places], dtype=int),
            np.array([place for places in chances for place in places], dtype=int),
            _grouped(ranks, below, above, below, chance),
            _grouped(ranks, above, above, below, chance),
        )

    def down(self, chances: Vector) -> Vector:
        """The probability of reaching each node, given the probabilities of outcomes of independent
        variables.
        """
        reach, chance = self.start.copy(), self._of_edges(chances)
        for e in self.into:
            moved = reach[e.above] * chance[e.chance]
            reach[e.first : e.last] += np.bincount(e.below - e.first, moved, e.last - e.first)
        return reach

    def up(self, chances: Vector, reach: Vector, of_leaves: Vector) -> Vector:
        """The gradient of a function with respect to the probabilities of outcomes, by reverse-mode
        differentiation. `of_leaves` is its gradient with respect to the probabilities of reaching the leaves.
        """
        chance = self._of_edges(chances)
        value, gradient = np.zeros(len(reach)), np.zeros(len(chance))
        value[self.leaves] = of_leaves
        for e in reversed(self.out):
            below = value[e.below]
            moved = below * chance[e.chance]
            value[e.first : e.last] += np.bincount(e.above - e.first, moved, e.last - e.first)
            gradient += np.bincount(e.chance, below * reach[e.above], len(chance))
        return _added(self.places, gradient[self.sums], len(chances))

    def _of_edges(self, chances: Vector) -> Vector:
        return _added(self.sums, chances[self.places])


def _added(places: Vector, values: Vector, size: int = 0) -> Vector:
    """The sum of the values at each place, as floats; `bincount` would return integers for empty input."""
    return np.bincount(places, values, size).astype(float, copy=False)


def _edges(
    diagrams: Diagrams, first: Mapping[int, int], roots: Iterable[Root]
) -> tuple[dict[Place, int], list[tuple[Place, Place, int]], list[tuple[int, ...]]]:
    """The depth of each node below the roots, the edges, and the probabilities that are added for each edge.

    An edge is (tail, head, index of its sum).
    """
    places = {(of, node) for of, root, _ in roots for node in diagrams.reachable(root)}
    rank = dict.fromkeys(places, 0)
    edges = []
    sums: dict[tuple[int, ...], int] = {}
    for of, node in sorted(places, key=lambda place: diagrams.level[place[1]]):
        leading: dict[int, list[int]] = {}
        for outcome, child in enumerate(diagrams.children[node]):
            leading.setdefault(child, []).append(first[diagrams.level[node]] + outcome)
        for child, added in leading.items():
            edges.append(((of, node), (of, child), sums.setdefault(tuple(added), len(sums))))
            rank[of, child] = max(rank[of, child], rank[of, node] + 1)
    return rank, edges, list(sums)


def _grouped(ranks: Vector, end: Vector, above: Vector, below: Vector, chance: Vector) -> list[_Edges]:
    """Groups edges by the rank of their node `end`, in increasing order."""
    found = []
    for rank in np.unique(ranks[end]):
        here = ranks[end] == rank
        first, last = np.searchsorted(ranks, (rank, rank + 1))
        found.append(_Edges(int(first), int(last), above[here], below[here], chance[here]))
    return found
