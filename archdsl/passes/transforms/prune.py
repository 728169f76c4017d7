"""Prunes a space: removes outcomes of decisions, and the nodes that only these outcomes need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Decision, Dim, Expr, Graph, Mux, Node, Pick, Requirement, Value
from archdsl.ir.expr import Scalar, decisions_in, nodes_in, pick
from archdsl.ir.resolve import rebuilt
from archdsl.passes.analyses.liveness import live_nodes
from archdsl.passes.analyses.symbolic import Sizes
from archdsl.passes.base import Contract, Transform, option
from archdsl.passes.transforms.outcomes import numbers, some_of
from archdsl.passes.transforms.requirements import over_what_is_left


@dataclass(frozen=True)
class Prune(Transform):
    """Restricts each decision in `kept` to the given outcomes.

    The outcomes are one string, or several; for a decision that chooses several candidates, a list of labels
    is one outcome. A decision with a single remaining outcome becomes fixed, and is added to `chosen`. Raises
    SpecError for unknown paths and outcomes (ARCH501, ARCH502), for a decision without remaining outcomes,
    and if an output becomes undefined (ARCH406).
    """

    name = "prune"
    summary = "removes outcomes of decisions, and nodes that only they need"
    contract = Contract(
        needs="space",
        changes=frozenset(("nodes", "decisions", "instances", "requirements", "chosen")),
        guarantees=frozenset(("outputs", "requirements", "weights", "no more nodes")),
    )

    kept: Mapping[str, str | Sequence[str]] = option(
        meaning="the outcomes to keep, by decision", takes="OUTCOME or {OUTCOME, …}", by_decision=True
    )

    def run(self, graph: Graph) -> Graph:
        return _Pruner(graph, self._numbers(graph), self.label("")).run()

    def before(self, outcomes: Mapping[str, str], graph: Graph) -> Mapping[str, str]:
        first = {path: graph.decisions[path].outcomes[kept[0]] for path, kept in self._numbers(graph).items()}
        return {**first, **outcomes}

    def _numbers(self, graph: Graph) -> dict[str, tuple[int, ...]]:
        return numbers(graph, self.kept, some_of, self.label)


class _Pruner:
    def __init__(self, graph: Graph, kept: Mapping[str, tuple[int, ...]], place: Label | None):
        self.graph, self.kept, self.place = graph, kept, place
        self.decisions = {path: self._fewer(decision) for path, decision in graph.decisions.items()}
        self.instead: dict[str, str | None] = {}
        self.sizes = Sizes(graph.inputs, self.decisions) if _names_dimensions(graph) else None
        self.partial: set[str] = set()
        """The nodes that may be undefined in some network of the pruned space."""

    def run(self) -> Graph:
        nodes: dict[str, Node | Mux] = {}
        for name, item in self.graph.nodes.items():
            found = self._mux(item) if isinstance(item, Mux) else self._node(item)
            if found is not None:
                nodes[name] = found
                if self.sizes is not None:
                    self.sizes.add(found)
        outputs = {out: self._source(node) for out, node in self.graph.outputs.items()}
        undefined = [out for out, node in outputs.items() if node is None]
        if undefined:
            raise SpecError([Diagnostic("ARCH406", f"output `{undefined[0]}` is not defined", self.place)])
        alive = live_nodes(nodes, [node for node in outputs.values() if node is not None])
        nodes = {name: item for name, item in nodes.items() if name in alive}
        used = {i for n in nodes.values() if isinstance(n, Node) for i in (n.instance, n.cell) if i}
        read = self._read(nodes)
        made = {p: self.graph.decisions[p].outcomes[o[0]] for p, o in self.kept.items() if len(o) == 1}
        return replace(
            self.graph,
            nodes=nodes,
            outputs={out: node for out, node in outputs.items() if node is not None},
            decisions={p: self._decision(d, read) for p, d in self.decisions.items() if p in read},
            instances={path: i for path, i in self.graph.instances.items() if path in used},
            requirements=tuple(
                self._requirement(r, {*nodes, *self.graph.inputs}, read | made.keys())
                for r in self.graph.requirements
            ),
            origin=self.graph.origin or (self.graph.name if made else None),
            chosen={**self.graph.chosen, **made},
        )

    @staticmethod
    def _read(nodes: Mapping[str, Node | Mux]) -> set[str]:
        read: set[str] = set()
        for item in nodes.values():
            if isinstance(item, Mux):
                read |= {item.on} if isinstance(item.on, str) else decisions_in(item.on)
            else:
                read |= {d for value in item.attrs.values() for d in decisions_in(value)}
        return read

    def _fewer(self, decision: Decision) -> Decision:
        """The decision with the remaining outcomes as candidates, of which it chooses one."""
        outcomes = self.kept.get(decision.path)
        if outcomes is None:
            return decision
        return replace(decision, candidates=tuple(decision.outcomes[o] for o in outcomes), count=1)

    def _decision(self, decision: Decision, read: set[str]) -> Decision:
        """A remaining decision, conditional on the same outcome as before if that outcome is still open."""
        if decision.under is None:
            return decision
        path, outcome = decision.under
        left = self.kept.get(path)
        if path not in read or (left is not None and outcome not in left):
            return replace(decision, under=None)
        return decision if left is None else replace(decision, under=(path, left.index(outcome)))

    def _source(self, name: str | None) -> str | None:
        return self.instead.get(name, name) if name is not None else None

    def _mux(self, mux: Mux) -> Mux | None:
        on: Any = mux.on
        cases = [(key, self._source(source)) for key, source in mux.cases]
        if isinstance(on, str) and on in self.kept:
            outcomes = self.kept[on]
            cases = [(outcomes.index(int(key)), source) for key, source in cases if int(key) in outcomes]
        elif not isinstance(on, str):
            on = self._value(on)
            possible = on.values if isinstance(on, Pick) else () if isinstance(on, Expr) else (on,)
            cases = [(key, source) for key, source in cases if not possible or key in possible]
        if len({source for _, source in cases}) <= 1 and (len(cases) <= 1 or cases[0][1] is not None):
            self.instead[mux.name] = cases[0][1] if cases else None
            return None
        if not self._covers(on, [key for key, _ in cases]) or any(
            source is None or source in self.partial for _, source in cases
        ):
            self.partial.add(mux.name)
        return replace(mux, on=on, cases=tuple(cases))

    def _covers(self, on: str | Value, keys: Collection[Scalar]) -> bool:
        """Whether a mux has a case for every value of its condition, as far as the values are known."""
        if isinstance(on, str):
            return len(keys) == self.decisions[on].size
        return set(on.values) <= set(keys) if isinstance(on, Pick) else {True, False} == set(keys)

    def _node(self, node: Node) -> Node | None:
        inputs = [self._source(i) for i in node.inputs]
        missing = [port for port, source in enumerate(inputs) if source is None]
        if any(port not in node.optional for port in missing) or len(missing) == len(inputs):
            self.instead[node.name] = None
            return None
        left = [(source, port in node.optional) for port, source in enumerate(inputs) if source is not None]
        optional = frozenset(n for n, (source, may) in enumerate(left) if may and source in self.partial)
        if len(optional) == len(left) or any(source in self.partial and not may for source, may in left):
            self.partial.add(node.name)
        attrs = {key: self._value(value) for key, value in node.attrs.items()}
        attrs = dict(ops.get(node.op).written(attrs))
        return replace(node, inputs=tuple(source for source, _ in left), attrs=attrs, optional=optional)

    def _requirement(
        self, requirement: Requirement, nodes: Collection[str], active: Collection[str]
    ) -> Requirement:
        """Rewrites a requirement over the remaining nodes and decisions; removed decisions are free
        variables.
        """
        left = {name for name in (*self.graph.inputs, *self.graph.nodes) if self._source(name) in nodes}
        requirement = over_what_is_left(requirement, self.graph, left, active)
        return replace(requirement, condition=self._value(requirement.condition))

    def _value(self, value: Value) -> Value:
        return rebuilt(value, self._leaf) if isinstance(value, Expr) else value

    def _leaf(self, leaf: Value) -> Value:
        if isinstance(leaf, Pick):
            kept = self.kept.get(leaf.decision)
            return leaf if kept is None else pick(leaf.decision, tuple(leaf.values[o] for o in kept))
        if isinstance(leaf, Dim) and self.sizes is not None:
            source = self._source(leaf.node)
            return leaf if source is None else self.sizes.of(source, leaf.axis)
        return leaf


def _names_dimensions(graph: Graph) -> bool:
    values: list[object] = [r.condition for r in graph.requirements]
    for item in graph.nodes.values():
        values += [item.on] if isinstance(item, Mux) else item.attrs.values()
    return any(isinstance(value, Expr) and nodes_in(value) for value in values)
