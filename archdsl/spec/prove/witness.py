"""Finds counterexamples, networks that violate a condition, and the fewest decisions that imply the
violation.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heappop, heappush
from random import Random

from archdsl.ir import Mux, Node, Value
from archdsl.ir.expr import Scalar, apply
from archdsl.ir.resolve import evaluate
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.transforms.bind import Binder, Bound
from archdsl.spec.deciding.possible import Possible, Unbounded, Values
from archdsl.spec.deciding.searcher import Outcomes, Searcher, Undecided
from archdsl.spec.deciding.shortening import shortened
from archdsl.spec.elaborate import Elaborated
from archdsl.spec.evaluate.builder import Obligation
from archdsl.spec.prove.alive import Alive

FIRST_TRIES, TRIES, TRIES_OF_NOTES = 2, 20, 4
"""Numbers of random networks that must all fail: before an exact test, instead of an exact test that is
infeasible, and instead of that for notes.
"""
POOL, LED, MOST_LED = 200, 40, 2_000
"""Numbers of random networks on which undecided conditions are tested: drawn once for all conditions, drawn
for each condition so that outputs depend on its node, and the maximum of the latter for a space.
"""
UNBOUND = ADVISORY | {"ARCH228"}
"""The codes of conditions that are not checked when a network is bound."""
WORK = 20
"""The number of nodes that may be visited to find all witnesses of a space, as a multiple of `budget`."""
COPIED = 200
"""The number of outcomes that are copied in the time of visiting a node."""


@dataclass(frozen=True)
class Witness:
    """Decisions such that every network with them violates a condition, and one such network."""

    outcomes: Outcomes
    bound: Bound


@dataclass
class Witnesses:
    """Finds witnesses of violated conditions in a space."""

    found: Elaborated
    budget: int
    _draws: int = MOST_LED
    _left: int = field(init=False)
    _undecided: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._left = WORK * self.budget

    def of(self, obligation: Obligation, outcomes: Outcomes) -> Witness | None:
        """A witness with these outcomes, extended so that an output depends on the node; None if none was
        found.

        Raises Undecided if the budget is exhausted.
        """
        self._begin()
        reached = self._reach(obligation.node, outcomes)
        return None if reached is None else self.confirmed(obligation, reached)

    def confirmed(self, obligation: Obligation, outcomes: Outcomes) -> Witness | None:
        """The witness, if the network with these outcomes violates the condition, and no ancestor of the node
        fails.
        """
        bound = self._bound(outcomes)
        if not self._fails(obligation, outcomes, bound) or _follows(obligation.node, bound):
            return None
        return Witness(self._fewest(obligation, outcomes, bound), bound)

    def exact(self, obligation: Obligation) -> Witness | None:
        """A witness found by an exact computation of the networks that contain the node; None if none exists.

        Raises Undecided if the budget is exhausted.
        """
        self._begin()
        alive = self._alive
        failing = alive.failing(obligation)
        outcomes = alive.shortest(failing)
        if outcomes is None:
            return None
        bound = self._bound(outcomes)
        if _follows(obligation.node, bound):
            outcomes = alive.shortest_of_its_own(obligation, failing)
            if outcomes is None:
                return None
            bound = self._bound(outcomes)
        if not self._fails(obligation, outcomes, bound) or _follows(obligation.node, bound):
            raise Undecided
        return Witness(self._fewest(obligation, outcomes, bound), bound)

    def sampled(self, obligation: Obligation) -> Witness | None:
        """A witness among random networks, some of which are drawn so that an output depends on the node; or
        None.

        Used for undecided conditions, so the witness is also shortened by tests on random networks.
        """
        self._undecided.add(id(obligation))
        if self._left <= 0:
            return None
        led = self._reach(obligation.node, {}) or {}
        for _ in range(min(LED, self._draws)):
            if self._left <= 0:
                return None
            self._draws -= 1
            outcomes = {**self._random(), **led}
            found = self.confirmed(obligation, outcomes)
            if found is not None:
                return found
        for outcomes, bound in self._pool:
            if self._fails(obligation, outcomes, bound) and not _follows(obligation.node, bound):
                return Witness(self._fewest(obligation, outcomes, bound), bound)
        return None

    @cached_property
    def _pool(self) -> list[tuple[Outcomes, Bound]]:
        sampled = [self._random() for _ in range(POOL)]
        return [(outcomes, self._bound(outcomes)) for outcomes in sampled]

    def _random(self) -> Outcomes:
        return {path: self._rng.randrange(d.size) for path, d in self.found.graph.decisions.items()}

    @cached_property
    def _alive(self) -> Alive:
        return Alive(self.found, self._readers, self.budget)

    def _begin(self) -> None:
        if self._left <= 0:
            raise Undecided

    def _visit(self) -> None:
        """Charges the work of visiting all nodes."""
        self._left -= len(self.found.graph.nodes)

    # ------------------------------------------------------------ one network

    @cached_property
    def _binder(self) -> Binder:
        return Binder(self.found.graph)

    def _bound(self, outcomes: Outcomes) -> Bound:
        self._visit()
        return self._binder.bind({**dict.fromkeys(self.found.graph.decisions, 0), **outcomes})

    def _fails(self, obligation: Obligation, outcomes: Outcomes, bound: Bound) -> bool:
        if obligation.node not in bound.graph.nodes:
            return False
        if obligation.code in UNBOUND:
            return self.value(obligation.condition, outcomes, bound) is False
        return any(obligation.node == node and obligation.code == code for node, code, _ in bound.failures)

    def value(self, value: Value, outcomes: Outcomes, bound: Bound) -> Scalar | None:
        """A value in a network; None if it is undefined, for example because of another error."""
        full = {**dict.fromkeys(self.found.graph.decisions, 0), **outcomes}
        try:
            found: Scalar | None = evaluate(value, full, lambda n, axis: self._dim(n, axis, full, bound))
        except ArithmeticError:
            return None
        return found

    def _dim(self, node: str, axis: int, full: Outcomes, bound: Bound) -> int:
        """A dimension of a node; for a mux, that of its selected input."""
        nodes = self.found.graph.nodes
        while isinstance(mux := nodes.get(node), Mux):
            on = mux.on
            key: Scalar | None = full.get(on, 0) if isinstance(on, str) else self.value(on, full, bound)
            node = next((s for k, s in mux.cases if k == key and s is not None), mux.inputs[0])
        shape = bound.shapes.get(node)
        return shape[axis] if shape else 0

    # ------------------------------------------------------------ reachability of outputs

    def _reach(self, node: str, outcomes: Outcomes) -> Outcomes | None:
        """Extends outcomes by as few others as possible such that an output depends on the node; or None."""
        self._visit()
        targets = set(self.found.graph.outputs.values())
        queue: list[tuple[int, int, str, Outcomes]] = [(0, 0, node, dict(outcomes))]
        seen: set[str] = set()
        serial = 0
        while queue:
            cost, _, here, chosen = heappop(queue)
            if here in seen:
                continue
            seen.add(here)
            if here in targets:
                return chosen
            for reader, key in self._readers.get(here, ()):
                item = self.found.graph.nodes[reader]
                step = chosen
                if isinstance(item, Mux) and isinstance(item.on, str):
                    if chosen.get(item.on, key) != key:
                        continue
                    if item.on not in chosen:
                        step = {**chosen, item.on: int(key)}
                        self._left -= len(step) // COPIED
                serial += 1
                heappush(queue, (cost + len(step) - len(chosen), serial, reader, step))
        return None

    @cached_property
    def _readers(self) -> dict[str, list[tuple[str, Scalar]]]:
        """For each node, its readers, with the input position (for a node) or the key of the case (for a
        mux).
        """
        readers: dict[str, list[tuple[str, Scalar]]] = {}
        for name, item in self.found.graph.nodes.items():
            for key, source in _edges(item):
                readers.setdefault(source, []).append((name, key))
        return readers

    # ------------------------------------------------------------ minimization

    def _fewest(self, obligation: Obligation, outcomes: Outcomes, bound: Bound) -> Outcomes:
        """Removes the decisions that are not needed for the violation."""
        decisions = self.found.graph.decisions
        kept = {d: o for d, o in outcomes.items() if d in decisions}
        enough = self._left // 2  # others have to be shortened, too
        if not self._breaks_all(obligation, kept):
            kept = {**kept, **{d: decisions[d].index[text] for d, text in bound.graph.chosen.items()}}
        return shortened(
            kept, lambda fewer: self._breaks_all(obligation, fewer), go_on=lambda: self._left > enough
        )

    def _breaks_all(self, obligation: Obligation, outcomes: Outcomes) -> bool:
        """Whether the condition fails in all networks with these outcomes, or, if infeasible, in random
        ones.
        """
        if not self._fails_in(FIRST_TRIES, obligation, outcomes):
            return False
        try:
            return self._surely_breaks_all(obligation, outcomes)
        except Undecided:
            tries = TRIES_OF_NOTES if obligation.code in ADVISORY else TRIES
            return self._fails_in(tries, obligation, outcomes)

    def _surely_breaks_all(self, obligation: Obligation, outcomes: Outcomes) -> bool:
        """Whether the condition certainly fails in all networks with these outcomes. Raises Undecided.

        For notes, the test for liveness that visits all nodes (`_in_all`) is skipped.
        """
        if id(obligation) in self._undecided:
            raise Undecided
        allowed = {d: (o,) for d, o in outcomes.items()}
        there = obligation.code not in ADVISORY and self._in_all(
            obligation.node, Possible(self.found.definitions, allowed), outcomes
        )
        if not there and not self._alive.always(obligation.node, outcomes):
            return False
        return self._searcher.counterexample(apply("not", obligation.condition), allowed) is None

    def _fails_in(self, tries: int, obligation: Obligation, outcomes: Outcomes) -> bool:
        """Whether the condition fails in each of `tries` random networks with these outcomes."""
        fails = self._fails_unbound if obligation.code in ADVISORY else self._fails_bound
        return all(fails(obligation, {**self._random(), **outcomes}) for _ in range(tries))

    def _fails_bound(self, obligation: Obligation, outcomes: Outcomes) -> bool:
        self._visit()
        return self._fails(obligation, outcomes, self._binder.bind(outcomes))

    def _fails_unbound(self, obligation: Obligation, outcomes: Outcomes) -> bool:
        """Whether an advisory condition fails in a network.

        The condition is over sizes, so the network is not built.
        """
        possible = Possible(self.found.definitions, {d: (o,) for d, o in outcomes.items()})
        fails = _values(possible, obligation.condition) == frozenset((False,))
        return fails and self._has(obligation.node, possible, outcomes)

    def _has(self, wanted: str, possible: Possible, outcomes: Outcomes) -> bool:
        """Whether the network with these outcomes contains a node."""
        self._visit()
        nodes = self.found.graph.nodes
        ahead = list(self.found.graph.outputs.values())
        seen = set(ahead)
        while ahead:
            name = ahead.pop()
            if name == wanted:
                return _values(possible, self.found.present.get(name, True)) == frozenset((True,))
            item = nodes.get(name)
            if item is None:
                continue
            inputs = self._sources(item, possible, outcomes) if isinstance(item, Mux) else item.inputs
            ahead += [source for source in inputs if source not in seen]
            seen.update(inputs)
        return False

    @cached_property
    def _searcher(self) -> Searcher:
        return Searcher(self.found.graph.decisions, self.found.definitions, self.budget)

    @cached_property
    def _rng(self) -> Random:
        return Random(0)

    def _in_all(self, wanted: str, possible: Possible, outcomes: Outcomes) -> bool:
        """Whether all networks with these outcomes contain a node; False if that is uncertain."""
        self._visit()
        needing = {wanted}
        for name, item in self.found.graph.nodes.items():
            if isinstance(item, Mux):
                if needing.isdisjoint(item.inputs):
                    continue
                sources = self._sources(item, possible, outcomes)
                if sources and all(source in needing for source in sources):
                    needing.add(name)
            elif any(s in needing and self._is_read(item, p, s, possible) for p, s in enumerate(item.inputs)):
                needing.add(name)
        return not needing.isdisjoint(self.found.graph.outputs.values())

    def _sources(self, mux: Mux, possible: Possible, outcomes: Outcomes) -> list[str]:
        """The inputs that a mux can select under these outcomes."""
        keys: Container[Scalar | None] | None = None
        if isinstance(mux.on, str):
            keys = (outcomes[mux.on],) if mux.on in outcomes else None
        else:
            keys = _values(possible, mux.on)
        return [s for key, s in mux.cases if s is not None and (keys is None or key in keys)]

    def _is_read(self, node: Node, port: int, source: str, possible: Possible) -> bool:
        """Whether a node certainly reads an input; an optional input only if it is always defined."""
        present = self.found.present.get(source, True)
        return port not in node.optional or _values(possible, present) == frozenset((True,))


def _values(possible: Possible, value: Value) -> Values | None:
    try:
        return possible.of(value)
    except Unbounded:
        return None


def _edges(item: Node | Mux) -> Iterator[tuple[Scalar, str]]:
    if isinstance(item, Mux):
        yield from ((key, source) for key, source in item.cases if source is not None)
    else:
        yield from enumerate(item.inputs)


def _follows(node: str, bound: Bound) -> bool:
    """Whether an ancestor of the node violates a constraint in the bound network, so that the failure of the
    node may be a consequence.
    """
    broken = {name for name, _, _ in bound.failures} - {node}
    return bool(broken) and not broken.isdisjoint(live_nodes(bound.graph.nodes, [node]))
