"""Proves what must hold in every network of a space, or finds the decisions under which it does not.

Never by enumeration: see `archdsl.spec.deciding`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, Severity
from archdsl.ir import Mux
from archdsl.ir.expr import apply
from archdsl.ir.resolve import evaluate
from archdsl.ops.base import ADVISORY
from archdsl.passes.bind import Binder, Bound
from archdsl.passes.dominance import in_every_network
from archdsl.spec.builder import Obligation
from archdsl.spec.deciding import BUDGET, Outcomes, Searcher, Undecided
from archdsl.spec.elaborate import Elaborated


@dataclass(frozen=True)
class Proof:
    """What was shown of a space or network.

    `obligations` are the conditions decided, `open` those that were not, as text.
    """

    target: str
    kind: str
    decisions: int
    size: int
    obligations: int
    open: tuple[str, ...] = ()
    ok: bool = True

    @property
    def proved(self) -> bool:
        return self.ok and not self.open


@dataclass
class Prover:
    """Decides the obligations of one elaborated space or network."""

    found: Elaborated
    budget: int = BUDGET

    def __post_init__(self) -> None:
        self.searcher = Searcher(self.found.graph.decisions, self.found.definitions, self.budget)
        self._binder: Binder | None = None
        self._consumers: dict[str, list[tuple[str, Any]]] | None = None

    def run(self) -> tuple[list[Diagnostic], list[str], int]:
        """Diagnostics, what was left open, and how many conditions were decided."""
        diagnostics: list[Diagnostic] = []
        open_: list[str] = []
        broken: set[tuple[str, Any]] = set()
        nodes: set[str] = set()
        settled: dict[Any, Outcomes | None] = {}
        for obligation in self.found.obligations:
            place = (obligation.code, obligation.location)
            if place in broken:
                continue
            try:
                outcomes = self._decide(obligation, settled)
            except Undecided:
                open_.append(self._text(obligation))
                continue
            if outcomes is None:
                continue
            diagnostic = self._diagnose(obligation, outcomes)
            if diagnostic is None:
                if obligation.node in nodes:
                    continue  # it may follow from what is wrong with the node already
                open_.append(self._text(obligation))
                continue
            broken.add(place)
            nodes.add(obligation.node)
            diagnostics.append(diagnostic)
        diagnostics.extend(self._undefined_outputs(open_))
        decided = self.found.settled + len(self.found.obligations) - len(open_)
        return diagnostics, list(dict.fromkeys(open_)), decided

    def _decide(self, obligation: Obligation, settled: dict[Any, Outcomes | None]) -> Outcomes | None:
        formula = obligation.condition
        for condition in obligation.conditions:
            formula = apply("or", formula, apply("not", condition))
        key = (formula, tuple(obligation.allowed.items()))
        if key not in settled:
            settled[key] = self.searcher.counterexample(formula, obligation.allowed)
        return settled[key]

    @staticmethod
    def _text(obligation: Obligation) -> str:
        return f"{obligation.location}: {obligation.code} of `{obligation.node}`"

    # ------------------------------------------------------------ witnesses

    def _diagnose(self, obligation: Obligation, outcomes: Outcomes) -> Diagnostic | None:
        """The finding with its witness, seen to be real in a network; None if it could not be."""
        reached = self._reach(obligation.node, outcomes)
        if reached is None:
            return None
        reached = self._needed(obligation.node, reached, outcomes)
        bound = self._bound(reached)
        if obligation.node not in bound.graph.nodes:
            return None
        failed = {code for node, code, _ in bound.failures if node == obligation.node}
        if obligation.code not in failed and obligation.code not in ADVISORY:
            return None
        graph = self.found.graph
        witness = tuple(
            (p, graph.decisions[p].outcomes[o]) for p, o in reached.items() if p in graph.decisions
        )
        severity, help = self._severity(obligation.code, witness)
        return Diagnostic(
            obligation.code,
            self._message(obligation, reached, bound),
            Label(obligation.location, f"in `{obligation.node}`"),
            severity=severity,
            trace=obligation.trace.labels() if obligation.trace else (),
            witness=witness,
            help=help,
        )

    def _severity(self, code: str, witness: tuple[tuple[str, str], ...]) -> tuple[Severity, str | None]:
        """A size that does not divide is a mistake where a file declares it for all its networks.

        Where it was set from outside, or comes from the decisions of a found network, it may well be
        wanted; where only some decisions lead to it, the space may well mean them.
        """
        if code not in ADVISORY:
            return "error", None
        help = "choose an input size that divides: rows and columns are padded here"
        if witness:
            return "note", help
        wanted = self.found.resized or self.found.graph.chosen
        return ("warning" if wanted else "error"), help

    def _message(self, obligation: Obligation, outcomes: Outcomes, bound: Bound) -> str:
        def dim(node: str, axis: int) -> int:
            shape = bound.shapes.get(node)
            return shape[axis] if shape else self._mux_dim(node, axis, outcomes, bound)

        full = {**dict.fromkeys(self.found.graph.decisions, 0), **outcomes}
        values = {name: evaluate(value, full, dim) for name, value in obligation.values.items()}
        return obligation.message.format(**values)

    def _mux_dim(self, node: str, axis: int, outcomes: Outcomes, bound: Bound) -> int:
        """A mux's dimension is that of the input it picks."""
        graph = self.found.graph
        while isinstance(mux := graph.nodes.get(node), Mux):
            keys = self._keys(mux, outcomes, bound)
            node = next((s for k, s in mux.cases if k in keys and s is not None), mux.inputs[0])
        shape = bound.shapes.get(node)
        return shape[axis] if shape else 0

    def _keys(self, mux: Mux, outcomes: Outcomes, bound: Bound) -> set[Any]:
        if isinstance(mux.on, str):
            return {outcomes.get(mux.on, 0)}
        full = {**dict.fromkeys(self.found.graph.decisions, 0), **outcomes}
        return {evaluate(mux.on, full, lambda n, a: self._mux_dim(n, a, outcomes, bound))}

    def _bound(self, outcomes: Outcomes) -> Bound:
        if self._binder is None:
            self._binder = Binder(self.found.graph)
        return self._binder.bind({**dict.fromkeys(self.found.graph.decisions, 0), **outcomes})

    def _reach(self, node: str, outcomes: Outcomes) -> Outcomes | None:
        """The outcomes, with the fewest more, under which an output reads the node."""
        consumers = self._reading()
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
            for reader, key in consumers.get(here, ()):
                item = self.found.graph.nodes[reader]
                step = chosen
                if isinstance(item, Mux) and isinstance(item.on, str):
                    if chosen.get(item.on, key) != key:
                        continue
                    step = chosen if item.on in chosen else {**chosen, item.on: key}
                serial += 1
                heappush(queue, (cost + len(step) - len(chosen), serial, reader, step))
        return None

    def _needed(self, node: str, reached: Outcomes, outcomes: Outcomes) -> Outcomes:
        """Without the decisions that a network need not take for the node to be there."""
        kept = dict(reached)
        for decision in [d for d in reached if d not in outcomes]:
            fewer = {d: o for d, o in kept.items() if d != decision}
            if node in in_every_network(self.found.graph, fewer):
                kept = fewer
        return kept

    def _reading(self) -> dict[str, list[tuple[str, Any]]]:
        """Who reads each node, and for a mux under which key."""
        if self._consumers is None:
            self._consumers = {}
            for name, item in self.found.graph.nodes.items():
                for key, source in _edges(item):
                    self._consumers.setdefault(source, []).append((name, key))
        return self._consumers

    def _undefined_outputs(self, open_: list[str]) -> Iterator[Diagnostic]:
        for output, node in self.found.graph.outputs.items():
            present = self.found.present.get(node, True)
            try:
                outcomes = self.searcher.counterexample(present, {})
            except Undecided:
                open_.append(f"{self.found.location}: output `{output}` is defined")
                continue
            if outcomes is None:
                continue
            decisions = self.found.graph.decisions
            yield Diagnostic(
                "ARCH406",
                f"output `{output}` is not defined in every network",
                Label(self.found.output_locations[output], ""),
                witness=tuple((p, decisions[p].outcomes[o]) for p, o in outcomes.items() if p in decisions),
                help="one of the tensors it reads is missing there",
            )


def _edges(item: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(item, Mux):
        yield from ((key, source) for key, source in item.cases if source is not None)
    else:
        yield from enumerate(item.inputs)


def prove(found: Elaborated, kind: str, budget: int = BUDGET) -> tuple[list[Diagnostic], Proof]:
    """Decides every obligation of a space or network."""
    diagnostics, open_, decided = Prover(found, budget).run()
    errors = any(d.severity == "error" for d in diagnostics)
    proof = Proof(
        found.graph.name,
        kind,
        len(found.graph.decisions),
        found.graph.size,
        decided,
        tuple(open_),
        not errors,
    )
    return diagnostics, proof
