"""The expected price under independent decisions; differentiable, and usually exact.

A price is a sum of functions of decisions, each of them a decision diagram. The price of a node is weighted
by the probability that the node is live: in AutoRTNet, for a cell by P(gate >= i). On diagrams without
auxiliary variables the expectation is exact. If the diagrams become too large, parts of the functions are
replaced by auxiliary variables (the functions are cut), which are treated as independent, with their marginal
probabilities. This is an approximation. It is exact for deterministic decisions, and if no function depends
on a decision in two ways: directly and through an auxiliary variable, or through two auxiliary variables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from archdsl.ir import Graph
from archdsl.passes.analyses.closed_form import UNCUT, ClosedForm, Entangled, Limits, closed_form
from archdsl.passes.costs.diagram_sweep import Place, Sweep, Vector
from archdsl.passes.costs.pricing import Price, price_functions
from archdsl.passes.costs.probabilities import numbers, tensors

if TYPE_CHECKING:
    import torch


class Expected:
    """The expected price of a space, as a function of the outcome probabilities of each decision.

    It is not `exact` if auxiliary variables were introduced (`cut`).
    """

    def __init__(self, closed: ClosedForm, functions: Sequence[int]):
        """`functions` are the roots of decision diagrams whose sum is the price."""
        self.cut = bool(closed.auxiliaries)
        self.exact = not self.cut
        decisions = closed.graph.decisions
        self.decisions, self.sizes = tuple(decisions), tuple(d.size for d in decisions.values())
        first, self._chances = _starts(closed)
        place = {
            (n, leaf): first[auxiliary.level] + at
            for n, auxiliary in enumerate(closed.auxiliaries)
            for at, leaf in enumerate(closed.diagrams.leaves(auxiliary.definition))
        }
        sizes = [len(auxiliary.values) for auxiliary in closed.auxiliaries]
        self._of = np.repeat(np.arange(1 + len(sizes)), [self._chances - sum(sizes), *sizes])
        self._rounds = [
            Sweep.of(closed.diagrams, first, [(n, root, 1.0) for n, root in together], place.__getitem__)
            for together in _rounds(closed)
        ]
        roots = [(0, root, float(times)) for root, times in Counter(functions).items()]
        self._price = Sweep.of(closed.diagrams, first, roots, lambda at: float(closed.diagrams.value(at[1])))

    def of(self, probabilities: Mapping[str, Any] | None = None) -> float:
        """Computes the expected price.

        `probabilities` maps decision paths to vectors over outcomes, which sum to 1; missing decisions are
        uniform. Raises ValueError for unknown paths or wrong lengths.
        """
        return self._run(np.concatenate([*numbers(self.decisions, self.sizes, probabilities or {}), []]))[0]

    def torch(self, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Computes the expected price as a float64 scalar tensor, differentiable once.

        Gradients are valid for vectors that sum to 1, such as those of a softmax.
        """
        import torch

        given = torch.cat([*tensors(self.decisions, self.sizes, probabilities), torch.zeros(0).double()])
        price, gradient = self._run(given.detach().cpu().numpy())
        slope = torch.as_tensor(gradient, dtype=torch.float64, device=given.device)
        return price + slope @ (given - given.detach())

    def _run(self, given: Vector) -> tuple[float, Vector]:
        """The expected price, and its gradient with respect to `given`, the probabilities of the decisions'
        outcomes.
        """
        chances = np.zeros(self._chances)
        chances[: len(given)] = given
        reached = []
        for sweep in self._rounds:
            reach = sweep.down(chances)
            chances[sweep.found] = self._adding_up(reach[sweep.leaves], self._of[sweep.found])
            reached.append(reach)
        reach = self._price.down(chances)
        price = float(reach[self._price.leaves] @ self._price.found)
        gradient = self._price.up(chances, reach, self._price.found)
        for sweep, reach in zip(reversed(self._rounds), reversed(reached), strict=True):
            gradient += sweep.up(chances, reach, gradient[sweep.found])
        return price, gradient[: len(given)]

    @staticmethod
    def _adding_up(chances: Vector, of: Vector) -> Vector:
        """Normalizes the probabilities of each variable so that they sum to 1.

        Otherwise each group of auxiliary variables multiplies the rounding errors of the previous groups.
        """
        sums = np.bincount(of, chances)
        return chances / np.where(np.abs(sums - 1) > 1e-9, sums, 1.0)[of]


def expected(graph: Graph, price: Price, cut: bool = False) -> Expected:
    """Computes the expected price of a space as a function of probabilities.

    Tries in turn: exactly; with the cost of subexpressions that ops share counted in each op; with auxiliary
    variables. With `cut`, only the last is tried. Raises Entangled for a space without closed form; calling
    `closed_form` detects that faster.
    """
    apart = replace(price, shared_once=False)
    if price.shared_once and not cut:
        with suppress(Entangled):
            return _within(graph, price, UNCUT)
    try:
        found = _within(graph, apart, Limits() if cut else UNCUT)
    except Entangled:
        if cut:
            raise
        found = _within(graph, apart, Limits())
    found.exact &= not price.shared_once
    return found


def _within(graph: Graph, price: Price, limits: Limits) -> Expected:
    closed = closed_form(graph, limits)
    return Expected(closed, price_functions(closed, price))


def _starts(closed: ClosedForm) -> tuple[dict[int, int], int]:
    """The index of the first probability of each variable, by level; and the number of probabilities."""
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


def _rounds(closed: ClosedForm) -> list[list[Place]]:
    """The definitions of auxiliary variables in groups, each group after those that it depends on."""
    depth: dict[int, int] = {}
    groups: list[list[Place]] = []
    for n, auxiliary in enumerate(closed.auxiliaries):
        read = closed.diagrams.classes(auxiliary.definition)
        own = depth[auxiliary.level] = max((depth[v] + 1 for v in read if v in depth), default=0)
        groups += [[] for _ in range(own + 1 - len(groups))]
        groups[own].append((n, auxiliary.definition))
    return groups
