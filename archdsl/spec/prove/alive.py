"""Computes in which networks nodes are live, and in which of these their conditions fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archdsl.ir import Expr, Graph, Mux, Node
from archdsl.ir.expr import Scalar, decisions_in
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.decision_diagrams import TooLarge
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.spec.deciding.exact import Exact
from archdsl.spec.deciding.searcher import TOTAL, Outcomes, Undecided
from archdsl.spec.elaborate import Elaborated
from archdsl.spec.evaluate.builder import Obligation

Readers = Mapping[str, Sequence[tuple[str, Scalar]]]
"""For each node, its readers, with the input position (for a node) or the key of the case (for a mux)."""

_LESS = 40
"""The budget for shortening a witness is the budget for deciding a condition, divided by this number."""


class Alive:
    """For each node of a space, the networks that contain it, as a function of decisions.

    All methods raise Undecided if the budget is exhausted.
    """

    def __init__(self, found: Elaborated, readers: Readers, budget: int):
        self.found, self.readers, self.budget = found, readers, budget
        graph = found.graph
        self.exact = Exact(_order(graph), graph.decisions, found.definitions, 0)
        self._d = self.exact.diagrams
        self._total = self.budget * TOTAL
        self._names = list(graph.nodes)
        self._place = {name: n for n, name in enumerate(self._names)}
        self._next = len(self._names) - 1
        self._too_much = False
        self._live: dict[str, int] = {}
        self._wrong: dict[str, int] = dict.fromkeys(graph.inputs, self._d.false)
        self._obligations: dict[str, list[Obligation]] = {}
        for obligation in found.obligations:
            if obligation.code not in ADVISORY:
                self._obligations.setdefault(obligation.node, []).append(obligation)

    def failing(self, obligation: Obligation) -> int:
        """The condition that a network contains the obligation's node and violates the obligation."""
        self._allow(self.budget)
        try:
            bad = self._unmet(obligation)
            return bad if bad == self._d.false else self._d.both(bad, self._of(obligation.node))
        except TooLarge:
            raise Undecided from None

    def shortest(self, failing: int) -> Outcomes | None:
        """A smallest set of outcomes that imply the condition `failing`; None if it is unsatisfiable."""
        return self.exact.shortest(failing)

    def shortest_of_its_own(self, obligation: Obligation, failing: int) -> Outcomes | None:
        """A smallest set of outcomes that imply `failing` in networks in which no ancestor of the node fails.

        None without such outcomes, or if the function is too large.
        """
        self._allow(self.budget)
        d = self._d
        try:
            return self.shortest(
                d.map(lambda bad, before: bad and not before, failing, self._before(obligation.node))
            )
        except TooLarge:
            return None

    def always(self, node: str, outcomes: Outcomes) -> bool:
        """Whether all networks with these outcomes contain the node.

        The budget is small, since this is called for every decision of a witness.
        """
        if self._too_much:
            raise Undecided
        self._allow(self.budget // _LESS)
        try:
            return self.exact.always(self._of(node), outcomes)
        except TooLarge:
            self._too_much = True
            raise Undecided from None

    def _allow(self, steps: int) -> None:
        self._d.most_steps = min(self._d.steps + steps, self._total)

    def _unmet(self, obligation: Obligation) -> int:
        bad = self._d.both(
            self.exact.allowed(obligation.allowed), self.exact.holds(obligation.condition, False)
        )
        for condition in obligation.conditions:
            bad = self._d.both(bad, self.exact.holds(condition, True))
        return bad

    def _of(self, node: str) -> int:
        """The condition that the node is live, computed from the outputs upwards, on demand."""
        while self._place[node] <= self._next:
            name = self._names[self._next]
            self._live[name] = self._found(name)
            self._next -= 1
        return self._live[node]

    def _found(self, name: str) -> int:
        d = self._d
        live = d.true if name in self._outputs else d.false
        for reader, key in self.readers.get(name, ()):
            live = d.either(live, self._read(reader, key))
        return d.both(live, self._present(name))

    def _read(self, reader: str, key: Scalar) -> int:
        """The condition that the reader is live and, if it is a mux, selects the case of this key."""
        d, item = self._d, self.found.graph.nodes[reader]
        here = self._live[reader]
        if here == d.false or isinstance(item, Node):
            return here
        if not isinstance(item.on, str):
            return d.both(here, self.exact.holds(item.on, key))
        size = self.found.graph.decisions[item.on].size
        picked = self.exact.decision(item.on, [d.true if o == key else d.false for o in range(size)])
        return d.both(here, picked)

    def _present(self, name: str) -> int:
        return self.exact.holds(self.found.present.get(name, True), True)

    def _before(self, node: str) -> int:
        """The condition that an ancestor of the node fails."""
        nodes = self.found.graph.nodes
        ancestors = live_nodes(nodes, nodes[node].inputs)
        for name in self._names[: self._place[node]]:
            if name in ancestors and name not in self._wrong:
                found = self._inherited(nodes[name])
                for obligation in self._obligations.get(name, ()):
                    found = self._d.either(found, self._unmet(obligation))
                self._wrong[name] = found
        return self._inherited(nodes[node])

    def _inherited(self, item: Node | Mux) -> int:
        """The condition that an input that is read has a failing ancestor, or fails itself."""
        if isinstance(item, Mux):
            return self.exact.chosen(item, [None if s is None else self._wrong[s] for _, s in item.cases])
        found = self._d.false
        for source in item.inputs:
            found = self._d.either(found, self._d.both(self._wrong[source], self._present(source)))
        return found

    @property
    def _outputs(self) -> set[str]:
        return set(self.found.graph.outputs.values())


def _order(graph: Graph) -> list[str]:
    """The order of variables: decisions by their last use, furthest downstream first.

    So decisions that many nodes share precede local decisions.
    """
    last: dict[str, int] = {}
    for place, item in enumerate(graph.nodes.values()):
        values = (item.on,) if isinstance(item, Mux) else item.attrs.values()
        for value in values:
            if isinstance(item, Mux) and isinstance(value, str):
                last[value] = place
            elif isinstance(value, Expr):
                last.update(dict.fromkeys(decisions_in(value), place))
    known = list(graph.decisions)
    return sorted(known, key=lambda path: (last.get(path, -1), known.index(path)), reverse=True)
